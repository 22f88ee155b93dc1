"""What tells that a server is away, as opposed to something wrong with what was being handled.

An outage ends by itself and costs the events no try; anything else counts, and ends as a dead letter. Too wide a net
here would retry a broken turn for ever; too narrow a one would park messages because Redis restarted.
"""

import errno
import socket

from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.database.errors import RecordUnavailable

# Answers of a Redis that cannot serve now and for which redis-py has no class: persistence, a running script, replicas.
_REDIS_LATER = ("MISCONF", "BUSY", "NOREPLICAS")
# This process or machine is short of something, or the network is.
_SHORT = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
)


def is_outage(error: BaseException) -> bool:
    """True when trying again later is all that is needed."""
    match error:
        case RecordUnavailable() | ConnectionError() | socket.gaierror() | RedisConnectionError() | RedisTimeoutError():
            return True
        case ReadOnlyError() | OutOfMemoryError() | TryAgainError() | ClusterDownError():
            return True
        case ResponseError():
            # Within a script memory that is short has no class of its own.
            return str(error).startswith(_REDIS_LATER) or "'maxmemory'" in str(error)
        case OSError():
            return error.errno in _SHORT
    return False
