"""Parts of a house that are ASGI apps: each served on a free loopback port inside this process."""

import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from app.local.errors import LocalServerError
from app.ports import port_fault


@contextlib.asynccontextmanager
async def served(app: ASGIApp, name: str) -> AsyncIterator[str]:
    """Serve the app for the length of the block; yields its URL. Raises LocalServerError if it does not start."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,  # longer than clients keep idle connections: who hangs up first breaks a request
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Made as TCP by name: only then does asyncio turn Nagle's algorithm off, which costs 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        # Not Server.serve(): it takes the signals over, which the house needs to stop all parts in order.
        await server.startup(sockets=[listener])
        if server.should_exit:
            raise LocalServerError(f"the {name} did not start; the lines above say why")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.shutdown(sockets=[listener])


def require_free_port(port: int) -> None:
    """Raises LocalServerError when another program listens on the loopback port."""
    if fault := port_fault("127.0.0.1", port):
        raise LocalServerError(f"{fault}: PORT={8001 if port == 8000 else 8000} ./start.sh local")
