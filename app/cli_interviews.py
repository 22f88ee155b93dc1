"""`python -m app interviews slots …`: load times for interviews, list, close."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli_shared import say, with_record
from app.recruiting.interview_texts import for_recruiters
from app.recruiting.interviews import Slot
from app.recruiting.slot_file import check_slots

interviews = typer.Typer(help="Times at which people can come for an interview.")
slots = typer.Typer(help="Times at which people can come for an interview.")
interviews.add_typer(slots, name="slots")
_SHORT = 8  # characters of an id: enough to name one of many thousands


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
        stored = with_record(
            "interviews", lambda record: record.interviews.store_slots([slot.stored() for slot in checked.slots])
        )
        faults = [checked.told(fault.number, fault.reason) for fault in stored.faults]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    say(f"{len(checked.slots)} times, {stored.changed or 'nothing'} new or changed")


@slots.command("list")
def list_(*, past: Annotated[bool, typer.Option("--past", help="Those that are over, too.")] = False) -> None:
    """Times to come with their state, places and bookings; no names."""
    found = with_record("interviews", lambda record: record.interviews.slots(past=past))
    if not found:
        say("no times; load some with `python -m app interviews slots load FILE`")
    for slot in found:
        say(_line(slot))


@slots.command()
def close(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id, as `list` shows it.")],
) -> None:
    """Nobody new is offered it. Who is booked stays booked: recruiters call that off with `/interview cancel`."""
    closed = with_record("interviews", lambda record: record.interviews.close_slot(id_))
    if closed is None:
        typer.echo(f"interviews: no time, or several, begin with {id_!r}; `interviews slots list` shows all", err=True)
        raise typer.Exit(1)
    still = f"; {closed.booked} booked there stay booked" if closed.booked else ""
    say(f"closed: {for_recruiters(closed)}{still}")


def _line(slot: Slot) -> str:
    return f"{slot.id[:_SHORT]}  {slot.state:<6} {slot.booked:>2} of {slot.capacity:<2} booked  {for_recruiters(slot)}"
