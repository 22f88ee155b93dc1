"""`python -m app …`: everything an operator or a developer starts."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app.api.health import HealthDoor
from app.api.ops_token import OpsGate
from app.cli_operations import add_operations
from app.database.migrate import MigrationError
from app.database.migrate import migrate as apply_migrations
from app.draining import DRAINING
from app.main import create_app
from app.serving import health_server, nothing_here
from app.settings import Settings, SettingsError, load_settings
from app.telemetry.logs import setup_logging
from app.wiring import Desk, secret

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
add_operations(cli)
MIGRATIONS = Path(__file__).parents[1] / "supabase" / "migrations"


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


@cli.command()
def serve() -> None:
    """Serve webhooks, health and the API; with WORKER_MODE=inline also run turns."""
    settings = _settings()
    if settings.web_concurrency > 1 or settings.strict:
        # Preloaded workers share most of their memory, one that dies is replaced, and a drain loses no request.
        os.execvp(sys.executable, [sys.executable, "-m", "gunicorn", "app.main:create_app()"])  # noqa: S606
    setup_logging(level=settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(3)


@cli.command()
def worker() -> None:
    """Run turns and deliveries without a web server, until SIGTERM or Ctrl-C."""
    settings = _settings()
    setup_logging(level=settings.log_level)
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


@cli.command()
def local(*, fresh: Annotated[bool, typer.Option("--fresh", help="Start with empty data.")] = False) -> None:
    """Run the whole platform on this machine: real Redis and Postgres, twins of the vendors, the service."""
    # The embedded servers are not part of a production installation.
    from app.local.house import run_house  # noqa: PLC0415

    settings = _settings()
    given = {name: value for name, value in os.environ.items() if value.strip()}
    raise typer.Exit(run_house(data_dir=settings.local_data_dir, port=settings.port, given=given, fresh=fresh))


@cli.command()
def chat(
    *,
    script: Annotated[Path | None, typer.Option(help="Replay this conversation and check its expectations.")] = None,
    phone: Annotated[str, typer.Option(help="The candidate's number, digits only.")] = "31612345678",
    name: Annotated[str, typer.Option(help="The name in the candidate's WhatsApp profile.")] = "Anna",
) -> None:
    """A candidate's phone in the terminal, against a running `./start.sh local`."""
    from app.local.errors import LocalServerError  # noqa: PLC0415 not part of a production installation
    from app.local.house_state import read_state  # noqa: PLC0415
    from app.local.phone import run_phone  # noqa: PLC0415

    try:
        state = read_state(_settings().local_data_dir)
    except LocalServerError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(run_phone(state.urls["360dialog"], script=script, phone=phone, name=name))


@cli.command()
def migrate() -> None:
    """Bring the database at DATABASE_URL to this version; safe with several replicas at once."""
    settings = _settings()
    setup_logging(level=settings.log_level)
    if not settings.database_url:
        print("DATABASE_URL is not set: the direct Postgres connection that migrations need", file=sys.stderr)
        raise typer.Exit(1)
    try:
        applied = asyncio.run(apply_migrations(settings.database_url.get_secret_value(), MIGRATIONS))
    except (MigrationError, OSError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"applied {len(applied)} migrations" if applied else "the database is up to date")


def main() -> None:
    """Entry point of `python -m app`."""
    cli()
