"""The service as a process: with a web server, or turns alone."""

import asyncio
import signal

import uvicorn

from app.api.health import HealthDoor
from app.api.ops_token import OpsGate
from app.draining import DRAINING
from app.main import create_app
from app.serving import health_server, nothing_here
from app.settings import Settings
from app.telemetry.logs import setup_logging
from app.warming import warm_up
from app.wiring import Desk, secret

_WARM = ("en",)  # loads what all languages share; the rest of a language is loaded with its first message, in 0.05 s


def run_web(settings: Settings) -> int:
    """Serve with one process until SIGTERM; returns the exit code."""
    setup_logging(level=settings.log_level)
    if settings.worker_mode == "inline":
        warm_up(settings, _WARM)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 3


def run_worker(settings: Settings) -> None:
    """Run turns until SIGTERM or Ctrl-C."""
    setup_logging(level=settings.log_level)
    warm_up(settings, _WARM)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    desk = Desk(settings, works=True)
    gate = OpsGate(secret(settings.ops_token), strict=settings.strict)
    health = HealthDoor(
        nothing_here, prober=desk.prober, startup=desk.startup, gate=gate, build=desk.build, draining=DRAINING
    )
    async with desk.running(), health_server(health, host=settings.host, port=settings.port):
        await stopping.wait()
        DRAINING.begin()
