"""A turn's JSON read back into the vocabulary of the rules."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from app.agents.state import TranscriptLine, TurnInput
from app.recruiting.consent import Purpose, Standing, granted
from app.recruiting.intake import Intake
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.profile import Fact
from app.recruiting.said import READABLE, Said, heard

_POINTED = frozenset({Kind.CHOICE, Kind.LOCATION, Kind.CONTACTS})  # read, though nobody typed it
# Heard, but nothing to answer. A reaction never answers: no thumb consents, confirms the read-back or picks a choice.
# Words of an edit that cannot be read (of a caption) only take the old ones back.
_SILENT = frozenset({Kind.REACTION, Kind.REVOKE, Kind.EDIT})
_UNDOING = frozenset({Kind.REVOKE, Kind.EDIT})


def unix(at: str | float) -> float:
    """ISO 8601 or Unix seconds to Unix seconds."""
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else float(at)


def _arrived(turn: TurnInput) -> list[InboundMessage]:
    return msgspec.convert(turn["inbound"], list[InboundMessage])


def inbound(turn: TurnInput) -> list[InboundMessage]:
    """This turn's messages, without those that were deleted or edited before anybody looked at them."""
    gone = {*intake(turn).withdrawn, *revoked(turn)}
    return [message for message in _arrived(turn) if message.message_id not in gone]


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
        message.kind.value
        for message in inbound(turn)
        if message.message_id not in read and message.kind not in _SILENT
    ]


def lines(turn: TurnInput) -> list[TranscriptLine]:
    """The transcript, oldest first, without what the candidate has deleted or replaced: nobody quotes it any more."""
    gone = {*intake(turn).withdrawn, *revoked(turn)}
    return [line for line in turn["conversation"]["transcript"] if line["message_id"] not in gone]


def said_before(turn: TurnInput) -> list[Said]:
    """The candidate's earlier messages in the transcript, oldest first, without this turn's and withdrawn ones.

    A card has words there only if it was the candidate's own.
    """
    now = {message.message_id for message in _arrived(turn)}
    return [
        _line(line)
        for line in lines(turn)
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
    """Ids of messages that no longer count: deleted, or edited, with earlier edits of the same message."""
    targets: dict[str, None] = {}
    of = dict(intake(turn).edits)
    for message in _arrived(turn):
        if message.kind in _UNDOING and message.target_id:
            targets[message.target_id] = None
            targets |= {edit: None for edit, original in of.items() if original == message.target_id}
        if message.kind is Kind.EDIT:
            of[message.message_id] = message.target_id
    return list(targets)


def deleted(turn: TurnInput) -> set[str]:
    """The messages themselves that were deleted, not edited."""
    return {message.target_id for message in _arrived(turn) if message.kind is Kind.REVOKE}


def edits(turn: TurnInput) -> dict[str, str]:
    """Ids of this turn's edits with those of the messages that they replace."""
    return {m.message_id: m.target_id for m in _arrived(turn) if m.kind is Kind.EDIT and m.target_id}


def rewritten(turn: TurnInput) -> dict[str, list[str]]:
    """Ids of this turn's edits with the fields that rested on the words they replace: the new words answer the same."""
    before, now = intake(turn).edits, edits(turn)
    fields: dict[str, list[str]] = {}
    for edit, original in now.items():
        ids = {original, *(one for one, of in {**before, **now}.items() if of == original)}
        if found := [fact.field for fact in facts(turn) if fact.message_id in ids]:
            fields[edit] = found
    return fields


def intake(turn: TurnInput) -> Intake:
    """The policy's memory; empty for a new conversation."""
    return msgspec.convert(turn["conversation"]["intake"] or {}, Intake)


def facts(turn: TurnInput) -> list[Fact]:
    """Current facts."""
    return msgspec.convert(turn["conversation"]["facts"], list[Fact])


def facts_a_person_knew(turn: TurnInput) -> list[Fact]:
    """Current facts that were there when a person last wrote to the candidate; none if none did of late."""
    wrote = [unix(line["at"]) for line in turn["conversation"]["transcript"] if line["author"] == "human"]
    kept = [fact.get("at") for fact in turn["conversation"]["facts"]]
    pairs = zip(facts(turn), kept, strict=True)
    return [fact for fact, at in pairs if wrote and at and unix(at) <= max(wrote)]


def kept_on(turn: TurnInput, zone: ZoneInfo) -> dict[str, str]:
    """Days on which the current facts were kept, by their ids; empty where the record does not say."""
    return {
        str(fact["id"]): f"{datetime.fromtimestamp(unix(fact['at']), zone):%d %b %Y}"
        for fact in turn["conversation"]["facts"]
        if fact.get("id") and fact.get("at")
    }


def standings(turn: TurnInput) -> list[Standing]:
    """Latest word on each purpose."""
    return msgspec.convert(turn["conversation"]["consents"], list[Standing])


def asked(turn: TurnInput) -> str:
    """Field of the open question; empty when nothing is asked."""
    open_ = intake(turn).asked
    return open_.field if open_ else ""


def consented(turn: TurnInput) -> bool:
    """The intake was agreed to in an earlier turn."""
    return granted(standings(turn), Purpose.INTAKE)


def language(turn: TurnInput) -> str:
    """Language of the conversation so far; empty at first contact."""
    return turn["conversation"]["language"] or ""
