"""`python -m app vacancies …`: look at a file, load it, list, close."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.cli_shared import partial_settings, say, with_record
from app.cli_webhooks import chatwoot_client
from app.database.vacancies import StoredVacancy
from app.operations.chatwoot_setup import set_up_labels
from app.operations.chatwoot_wanted import vacancy_label
from app.operations.setup_steps import ChatwootAccount, SetupError, Step
from app.recruiting.vacancy import Vacancy, title_of
from app.recruiting.vacancy_file import check_file

vacancies = typer.Typer(help="What people can apply for: rules, criteria and texts from TOML files.")
File = Annotated[Path, typer.Argument(help="A TOML file like examples/vacancies.toml.")]


def _checked(file: Path) -> list[Vacancy]:
    """The file's vacancies; exits with every fault."""
    try:
        checked = check_file(file)
    except OSError as error:
        typer.echo(f"{file}: cannot be read ({error.strerror})", err=True)
        raise typer.Exit(1) from None
    for warning in checked.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for fault in checked.faults:
        typer.echo(fault, err=True)
    if checked.faults:
        raise typer.Exit(1)
    return checked.vacancies


@vacancies.command()
def check(file: File) -> None:
    """Look for mistakes and for what may play no part in a decision about a person; changes nothing."""
    found = _checked(file)
    say(f"{len(found)} vacancies, nothing wrong: {', '.join(vacancy.code for vacancy in found)}")


@vacancies.command()
def load(file: File) -> None:
    """Put a file's vacancies into the database, new or changed ones; safe to repeat."""
    found = _checked(file)
    changed = with_record("vacancies", lambda record: record.vacancies.store(found))
    say(f"loaded {', '.join(changed)}" if changed else f"{len(found)} vacancies, nothing changed")
    _label(found)


def _label(found: list[Vacancy]) -> None:
    """Chatwoot shows only labels that it knows: make those of the vacancies, where a Chatwoot is named."""
    settings = partial_settings()
    if settings.chatwoot_base_url is None or settings.chatwoot_api_token is None:
        say("labels: CHATWOOT_BASE_URL and CHATWOOT_API_TOKEN are not set; load again with them to make the labels")
        return
    labels = [vacancy_label(vacancy.code, title_of(vacancy)) for vacancy in found]

    async def run() -> Step:
        async with chatwoot_client(settings) as client:
            account = ChatwootAccount(client, settings.chatwoot_account_id or 0, apply=True)
            return await set_up_labels(account, labels)

    try:
        say(f"labels: {asyncio.run(run()).said}")
    except SetupError as error:
        typer.echo(f"labels: {error}; load again when this is cured", err=True)
        raise typer.Exit(1) from None


@vacancies.command("list")
def list_() -> None:
    """Every vacancy with its state and the number of applications."""
    stored = with_record("vacancies", lambda record: record.vacancies.all())
    if not stored:
        say("no vacancies; load some with `python -m app vacancies load FILE`")
    for each in stored:
        say(_line(each))


def _line(stored: StoredVacancy) -> str:
    vacancy = stored.vacancy()
    named = f"{title_of(vacancy)}, {vacancy.city}" if vacancy else "unreadable: load its file again"
    return f"{stored.code:<12} {stored.status:<7} {stored.applications:>4} applications  {named}"


@vacancies.command()
def close(code: Annotated[str, typer.Argument(help="The vacancy's code, such as WH-102.")]) -> None:
    """Nobody is sent to it any more; its applications stay."""
    answer = with_record("vacancies", lambda record: record.vacancies.close(code.upper()))
    if not answer.known:
        typer.echo(f"vacancies: there is no {code.upper()}; `python -m app vacancies list` shows all", err=True)
        raise typer.Exit(1)
    say(f"{code.upper()} is closed" if answer.closed else f"{code.upper()} was closed already")
