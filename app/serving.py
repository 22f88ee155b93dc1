"""The web process under gunicorn: uvicorn with a drain that loses no request, and memory that stays shared."""

import asyncio
import gc
import math
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, Final

from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config as UvicornConfig
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from app.draining import DRAINING
from app.telemetry.logs import get_logger

log = get_logger()

# After SIGTERM the listening socket stays open this long: balancers see 503 on readiness and answers say
# `Connection: close` before the first connection could be refused.
LINGER_SECONDS: Final = 2.0
# Then requests under way have this long; webhooks take milliseconds.
REQUEST_SECONDS: Final = 8
# Measured with everything imported and warmed up (RAILWAY-DEPLOYMENT.md, figures): the parent with what all share, and
# what each process adds under load, with turns of its own or serving the web alone.
PARENT_BYTES: Final = 255 * 2**20
WORKING_BYTES: Final = 68 * 2**20
SERVING_BYTES: Final = 40 * 2**20
# Share of the container's memory that we plan to use.
_USABLE: Final = 0.9


def graceful_budget(drain_seconds: float) -> int:
    """Whole seconds from SIGTERM to exit: linger, requests, then the turns under way, and one to end."""
    return math.ceil(LINGER_SECONDS + REQUEST_SECONDS + drain_seconds + 1)


def workers_that_fit(wanted: int, memory_limit: int | None, *, works: bool) -> int:
    """How many of the `wanted` processes the container's memory limit (bytes) holds; at least one.

    `works`: they run turns too (WORKER_MODE=inline).
    """
    if memory_limit is None:
        return wanted
    each = WORKING_BYTES if works else SERVING_BYTES
    return max(1, min(wanted, int((memory_limit * _USABLE - PARENT_BYTES) // each)))


def keep_memory_shared() -> None:
    """Move what exists into a generation that is never collected.

    A full collection takes 240-330 ms with everything imported, and touching every object
    would copy the parent's pages into each worker.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class DrainingServer(Server):
    """Says that it goes away before it does."""

    _lingering_since = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM, which may come from the parent and the platform: answer on for a moment. Others: stop at once."""
        DRAINING.begin()
        if sig == signal.SIGTERM and self.started:
            if not self._lingering_since:
                self._lingering_since = time.monotonic()
                self._captured_signals.append(sig)
            return
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Everything that start-up made stays for good."""
        await super().startup(sockets=sockets)
        keep_memory_shared()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if self._lingering_since and time.monotonic() - self._lingering_since >= LINGER_SECONDS:
            self.should_exit = True
        return await super().on_tick(counter)


class Worker(UvicornWorker):  # type: ignore[misc]
    """Gunicorn's worker class; the application it serves was loaded by the parent."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012 declared so by uvicorn-worker
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": REQUEST_SECONDS,
    }

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainingServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            # The parent ends with this code, so that the platform sees a failed start.
            raise SystemExit(3)


class EventLogger(Logger):  # type: ignore[misc]
    """Gunicorn's lines as events of ours: through the root logger, no handlers and no access log of its own."""

    def setup(self, cfg: Config) -> None:
        """Called at start and on reload."""
        self.cfg = cfg
        self._access_log_enabled = False
        for each in (self.error_log, self.access_log):
            each.handlers[:] = []
            each.propagate = True


async def nothing_here(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What lies behind the health door of a process without a web service."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def health_server(app: ASGIApp, *, host: str, port: int) -> AsyncIterator[None]:
    """Serve `app` beside a worker's own work, in its loop and without touching its signals.

    A port in use is no reason not to work: several workers may share a machine.
    """
    try:
        listener = _listen(host, port)
    except OSError:
        log.warning("worker.health_unserved", port=str(port))
        yield
        return
    config = UvicornConfig(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    elif socket.has_dualstack_ipv6():
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", port))
    # Accepted connections inherit it; asyncio sets it only on sockets that were made with a protocol number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
