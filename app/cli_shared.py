"""What the operators' commands share: settings that may be incomplete, and output."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import typer
from pydantic import SecretStr

from app.database.errors import RecordError
from app.database.record import Record, open_record
from app.settings import Settings, SettingsError, load_settings

T = TypeVar("T")
PROBE_TIMEOUT = httpx.Timeout(5.0)


def secret(value: SecretStr | None) -> str:
    """The text of a secret, empty when it is unset."""
    return value.get_secret_value() if value is not None else ""


def say(text: str) -> None:
    """One line for the operator."""
    sys.stdout.write(text + "\n")


def partial_settings(*needed: str) -> Settings:
    """Settings of a tool that needs only some variables; exits with every faulty or missing one by name."""
    try:
        settings = load_settings(partial=True)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    missing = [name for name in needed if getattr(settings, name.lower()) is None]
    if missing:
        typer.echo(f"not set: {', '.join(missing)}", err=True)
        raise typer.Exit(1)
    return settings


def with_record(command: str, work: Callable[[Record], Awaitable[T]]) -> T:
    """What `work` makes of the database; exits with one line when that fails."""
    settings = partial_settings("SUPABASE_URL", "SUPABASE_KEY")

    async def run() -> T:
        async with open_record(settings.supabase_url or "", secret(settings.supabase_key), pool_size=1) as record:
            return await work(record)

    try:
        return asyncio.run(run())
    except RecordError as error:
        typer.echo(f"{command}: {error} (SUPABASE_URL, SUPABASE_KEY; `python -m app migrate`?)", err=True)
        raise typer.Exit(1) from None
