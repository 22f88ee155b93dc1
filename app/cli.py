"""`python -m app …`: everything an operator or a developer starts."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli_interviews import interviews
from app.cli_migration import REFUSALS, migration_refusal
from app.cli_operations import add_operations
from app.cli_vacancies import vacancies
from app.database.migrate import migrate as apply_migrations
from app.ports import port_fault
from app.settings import Settings, SettingsError, load_settings
from app.telemetry.logs import setup_logging

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
add_operations(cli)
cli.add_typer(vacancies, name="vacancies")
cli.add_typer(interviews, name="interviews")
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
    if fault := port_fault(settings.host, settings.port):
        typer.echo(f"start.sh: {fault} (PORT, HOST)", err=True)
        raise typer.Exit(1)
    if settings.web_concurrency > 1 or settings.strict:
        # Preloaded workers share most of their memory, one that dies is replaced, and a drain loses no request.
        # Gunicorn imports the service itself: nothing of it is imported here before.
        os.execvp(sys.executable, [sys.executable, "-m", "gunicorn", "app.main:create_app()"])  # noqa: S606
    # Measured: 1.3 s of imports that the other commands do not need.
    from app.service import run_web  # noqa: PLC0415

    raise typer.Exit(run_web(settings))


@cli.command()
def worker() -> None:
    """Run turns and deliveries without a web server, until SIGTERM or Ctrl-C."""
    from app.service import run_worker  # noqa: PLC0415 as for serve

    run_worker(_settings())


@cli.command()
def local(*, fresh: Annotated[bool, typer.Option("--fresh", help="Start with empty data.")] = False) -> None:
    """Run the whole platform on this machine: real Redis and Postgres, twins of the vendors, the service."""
    # The embedded servers are not part of a production installation.
    from app.local.house import run_house  # noqa: PLC0415

    settings = _settings()
    given = settings.given()
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
        twin = read_state(_settings().local_data_dir).url("360dialog")
    except LocalServerError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(run_phone(twin, script=script, phone=phone, name=name))


@cli.command()
def evals(
    *,
    tier: Annotated[str, typer.Option(help="claude, gpt, guided or scripted.")] = "guided",
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with tables, plots and transcripts.")] = None,
    only: Annotated[str, typer.Option(help="Only people whose id holds this text, for example en- or cv.")] = "",
) -> None:
    """Talk to the agents as scripted people in eight languages, and count what they got right.

    `scripted` needs no key: models that are scripted too answer over both vendors' protocols, well and badly.
    """
    try:
        # In the repository only: the dialogues are not part of a production installation.
        from evals.run import run_evals  # noqa: PLC0415
        from evals.tiers import EvalError  # noqa: PLC0415
    except ModuleNotFoundError:
        print("evals: run this in a checkout of the repository, after ./start.sh install", file=sys.stderr)
        raise typer.Exit(2) from None
    from app.wiring_minds import plan_of, vendors_of  # noqa: PLC0415 as for serve

    settings = _settings()
    try:
        vendors = vendors_of(settings) if tier in ("claude", "gpt") else None
        if tier == "scripted":
            setup_logging(level="CRITICAL")  # vendors fail on purpose, hundreds of times
        made = run_evals(tier, report, vendors=vendors, plan=plan_of(settings), only=only)
    except EvalError as error:
        print(f"evals: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("\n".join(made.lines()))


@cli.command()
def replay(
    conversation: Annotated[str, typer.Argument(help="The conversation's id or address.")],
    *,
    prompt_dir: Annotated[Path | None, typer.Option(help="Prompts to try: a copy of app/agents/prompts.")] = None,
    model: Annotated[str, typer.Option(help="One model for all agents; a GPT model runs without Claude.")] = "",
    router_model: Annotated[str, typer.Option(help="Another Claude model for the router.")] = "",
    extraction_model: Annotated[str, typer.Option(help="Another Claude model for the extraction.")] = "",
    conversation_model: Annotated[str, typer.Option(help="Another Claude model for the conversation.")] = "",
    max_usd: Annotated[float, typer.Option(help="Most that this replay may spend; it has a budget of its own.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Think a past conversation again and show what differs, turn by turn; nothing is sent, nothing is written.

    Shows the candidate's words: keep the output where personal data may be.
    """
    # Measured: 2.9 s of imports that every other command would pay, the start of the service among them.
    from app.cli_replay import Wanted  # noqa: PLC0415
    from app.cli_replay import replay as think_again  # noqa: PLC0415

    one_each = {"router": router_model, "extraction": extraction_model, "conversation": conversation_model}
    wanted = Wanted(prompt_dir, model, {name: each for name, each in one_each.items() if each}, max_usd)
    think_again(conversation, wanted, as_json=as_json)


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
    except REFUSALS as error:
        print(f"migrate: {migration_refusal(error)}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"applied {len(applied)} migrations" if applied else "the database is up to date")


def main() -> None:
    """Entry point of `python -m app`."""
    cli()
