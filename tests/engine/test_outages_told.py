"""Which failures are a server's (tried again for ever) and which the turn's own (counted, then a dead letter)."""

import errno
import socket

import pytest
from redis.exceptions import BusyLoadingError, DataError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.database.errors import BadRequest, RecordUnavailable
from app.engine.outages import is_outage


@pytest.mark.parametrize(
    "error",
    [
        RecordUnavailable("no connection", code="x", operation="open_turn"),
        RedisConnectionError("Connection refused"),
        RedisTimeoutError("Timeout reading"),
        BusyLoadingError("Redis is loading the dataset in memory"),
        ReadOnlyError("You can't write against a read only replica."),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        ResponseError("OOM command not allowed when used memory > 'maxmemory'. script: 1a, on @user_script:3."),
        ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
)
def test_a_server_that_is_away_costs_the_message_no_try(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("malformed value", code="22P02", operation="commit_turn"),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("ERR user_script:7: attempt to compare nil with number"),
        NoScriptError("No matching script."),
        DataError("Invalid input of type: 'NoneType'"),
        FileNotFoundError(errno.ENOENT, "phrases.toml"),
        PermissionError(errno.EACCES, "denied"),
        TimeoutError(),
        ValueError("broken"),
    ],
)
def test_what_would_fail_the_same_way_again_is_counted(error: Exception) -> None:
    assert not is_outage(error)
