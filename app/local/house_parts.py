"""Parts of a house that are ASGI apps: each served on a free loopback port inside this process."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from app.local.errors import LocalServerError


class _PartServer(uvicorn.Server):
    """Leaves the signals to the house, which stops all parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: Any, name: str) -> AsyncIterator[str]:
    """Serve the ASGI app for the length of the block; yields its URL. Raises LocalServerError if it does not start."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    server = _PartServer(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.set_inheritable(False)
        running = asyncio.create_task(server.serve(sockets=[listener]), name=f"house: {name}")
        try:
            while not server.started:
                if running.done():
                    running.result()
                    raise LocalServerError(f"the {name} did not start; the lines above say why")
                await asyncio.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


def require_free_port(port: int) -> None:
    """Raises LocalServerError when another program listens on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise LocalServerError(
                f"port {port} is reserved for root; choose a higher one: PORT=8001 ./start.sh local"
            ) from None
        except OSError:
            other = 8001 if port == 8000 else 8000
            raise LocalServerError(
                f"port {port} is in use by another program; stop it, or choose another: PORT={other} ./start.sh local"
            ) from None
