"""A turn's JSON read back into the vocabulary of the rules."""

from datetime import datetime

import msgspec

from app.agents.state import TranscriptLine, TurnInput
from app.recruiting.consent import Purpose, Standing, granted
from app.recruiting.intake import Intake
from app.recruiting.messages import SILENT, InboundMessage, Kind
from app.recruiting.profile import Fact
from app.recruiting.said import READABLE, Said, heard

_POINTED = frozenset({Kind.CHOICE, Kind.LOCATION, Kind.CONTACTS})  # read, though nobody typed it


def unix(at: str | float) -> float:
    """ISO 8601 or Unix seconds to Unix seconds."""
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else float(at)


def inbound(turn: TurnInput) -> list[InboundMessage]:
    """This turn's messages."""
    return msgspec.convert(turn["inbound"], list[InboundMessage])


def said_now(turn: TurnInput) -> list[Said]:
    """This turn's messages that can be read: text, taps, places with a name, transcripts, one's own contact card."""
    readable, messages = [], inbound(turn)
    for message in messages:
        said = heard(message, wa_id=turn["conversation"].get("wa_id", ""), beside=messages)
        if said.text.strip() and (message.kind in READABLE or message.kind in _POINTED):
            readable.append(said)
    return readable


def unread_kinds(turn: TurnInput) -> list[str]:
    """Kinds of this turn's messages that say nothing we can read."""
    read = {said.message_id for said in said_now(turn)}
    return [
        message.kind.value for message in inbound(turn) if message.message_id not in read and message.kind not in SILENT
    ]


def said_before(turn: TurnInput) -> list[Said]:
    """The candidate's earlier messages in the transcript, oldest first, without this turn's.

    A card has words there only if it was the candidate's own.
    """
    now = {message.message_id for message in inbound(turn)}
    return [
        _line(line)
        for line in turn["conversation"]["transcript"]
        if line["author"] == "candidate"
        and line["message_id"] not in now
        and line["kind"] in {*READABLE, Kind.CONTACTS}
        and line["text"]
    ]


def _line(line: TranscriptLine) -> Said:
    return Said(
        message_id=line["message_id"],
        text=line["text"],
        at=unix(line["at"]),
        kind=Kind(line["kind"]),
        choice_id=line["choice_id"],
    )


def revoked(turn: TurnInput) -> list[str]:
    """Ids of messages that the candidate deleted or edited."""
    return [m.target_id for m in inbound(turn) if m.kind in {Kind.REVOKE, Kind.EDIT} and m.target_id]


def intake(turn: TurnInput) -> Intake:
    """The policy's memory; empty for a new conversation."""
    return msgspec.convert(turn["conversation"]["intake"] or {}, Intake)


def facts(turn: TurnInput) -> list[Fact]:
    """Current facts."""
    return msgspec.convert(turn["conversation"]["facts"], list[Fact])


def standings(turn: TurnInput) -> list[Standing]:
    """Latest word on each purpose."""
    return msgspec.convert(turn["conversation"]["consents"], list[Standing])


def consented(turn: TurnInput) -> bool:
    """The intake was agreed to in an earlier turn."""
    return granted(standings(turn), Purpose.INTAKE)


def language(turn: TurnInput) -> str:
    """Language of the conversation so far; empty at first contact."""
    return turn["conversation"]["language"] or ""


def evidence_texts(turn: TurnInput) -> dict[str, str]:
    """Text of every message that a quote may name: this turn's and the transcript's."""
    return {said.message_id: said.text for said in [*said_before(turn), *said_now(turn)]}
