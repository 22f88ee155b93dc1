"""`python -m app interviews slots …`: load times for interviews, list, close."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.cli_shared import partial_settings, say, secret
from app.database.errors import RecordError
from app.database.interviews import InterviewRecord
from app.database.record import open_record
from app.recruiting.interview_texts import for_recruiters
from app.recruiting.interviews import Slot
from app.recruiting.slot_file import check_slots

T = TypeVar("T")
interviews = typer.Typer(help="Times at which people can come for an interview.")
slots = typer.Typer(help="Times at which people can come for an interview.")
interviews.add_typer(slots, name="slots")
_SHORT = 8  # characters of an id: enough to name one of many thousands


def _with_record(work: Callable[[InterviewRecord], Awaitable[T]]) -> T:
    settings = partial_settings("SUPABASE_URL", "SUPABASE_KEY")

    async def run() -> T:
        url, key = settings.supabase_url or "", secret(settings.supabase_key)
        async with open_record(url, key, pool_size=1) as record:
            return await work(record.interviews)

    try:
        return asyncio.run(run())
    except RecordError as error:
        typer.echo(f"interviews: {error} (SUPABASE_URL, SUPABASE_KEY; `python -m app migrate`?)", err=True)
        raise typer.Exit(1) from None


@slots.command()
def load(file: Annotated[Path, typer.Argument(help="A TOML file like examples/interviews.toml.")]) -> None:
    """Put a file's times into the database, all or none; safe to repeat. Recruiters offer them with `/interview`."""
    try:
        checked = check_slots(file, datetime.now(UTC))
    except OSError as error:
        typer.echo(f"{file}: cannot be read ({error.strerror})", err=True)
        raise typer.Exit(1) from None
    faults = checked.faults
    if not faults:
        stored = _with_record(lambda record: record.store_slots([slot.stored() for slot in checked.slots]))
        faults = [checked.told(fault.number, fault.reason) for fault in stored.faults]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    say(f"{len(checked.slots)} times, {stored.changed or 'nothing'} new or changed")


@slots.command("list")
def list_(*, past: Annotated[bool, typer.Option("--past", help="Those that are over, too.")] = False) -> None:
    """Times to come with their state, places and bookings; no names."""
    found = _with_record(lambda record: record.slots(past=past))
    if not found:
        say("no times; load some with `python -m app interviews slots load FILE`")
    for slot in found:
        say(_line(slot))


@slots.command()
def close(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id, as `list` shows it.")],
) -> None:
    """Nobody new is offered it. Who is booked stays booked: recruiters call that off with `/interview cancel`."""
    closed = _with_record(lambda record: record.close_slot(id_))
    if closed is None:
        typer.echo(f"interviews: no time, or several, begin with {id_!r}; `interviews slots list` shows all", err=True)
        raise typer.Exit(1)
    still = f"; {closed.booked} booked there stay booked" if closed.booked else ""
    say(f"closed: {for_recruiters(closed)}{still}")


def _line(slot: Slot) -> str:
    return f"{slot.id[:_SHORT]}  {slot.state:<6} {slot.booked:>2} of {slot.capacity:<2} booked  {for_recruiters(slot)}"
