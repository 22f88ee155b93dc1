"""A message that says otherwise than an earlier one: a CV and a chat, or two days of the same chat."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.recruiting.answers.tongues import denied_codes
from app.recruiting.draft import Draft
from app.recruiting.interrupts import Intent
from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, part
from app.recruiting.said import READABLE
from app.recruiting.text import read
from app.recruiting.volunteered import FREE_TEXT

CONFLICT: Final = "conflict"  # what the open question is about
_NONE = f"{Field.LICENCES}.{NO_LICENCE}"


def conflicts_of(draft: Draft, before: Sequence[Fact], new: Sequence[Fact]) -> list[str]:
    """Fields whose value changed without being asked for, tapped or corrected; each is named once in a conversation.

    The later value counts until the answer; recruiters read of both, and the record keeps both with their dates.
    """
    outright = draft.at.carrying(Intent.CHANGE, Intent.CORRECTING, Intent.REMOVE)
    found = [_denied(draft, fact) for fact in _denials(draft)]
    for fact in new:
        for old in before:
            if old.message_id == fact.message_id or not _contradicts(old, fact) or _expected(draft, fact):
                continue
            _remark(draft, old, f'now "{fact.quote}" ({fact.source})')
            if fact.message_id not in outright:
                found.append(fact.field)
    return list(dict.fromkeys(_shown(field) for field in found if _first(draft, field)))


def _contradicts(old: Fact, new: Fact) -> bool:
    """Two values of one path (a town, the level of Dutch, night shifts), or a licence and none at all."""
    if kind(old.field) == kind(new.field) == Field.LICENCES and old.field != new.field:
        if not (old.value.get("held", True) and new.value.get("held", True)):
            return False  # "no CE" and "none at all" go together
        return (old.field == _NONE) != (new.field == _NONE)
    # Of jobs and skills the later words may tell more, not otherwise.
    return old.field == new.field and kind(new.field) not in FREE_TEXT and _plain(old) != _plain(new)


def _plain(fact: Fact) -> dict[str, object]:
    """The value without regard to case: "utrecht" is no other town."""
    return {name: value.casefold() if isinstance(value, str) else value for name, value in fact.value.items()}


def _expected(draft: Draft, fact: Fact) -> bool:
    """The candidate was asked for it, or changes it; a level also by the question about languages."""
    asked = draft.intake.asked
    names = {fact.field, kind(fact.field)}
    if kind(fact.field) == LEVELS:
        names |= {f"level.{part(fact.field)}", str(Field.LANGUAGES)}
    return bool(names & {draft.intake.changing, asked.field if asked else ""}) or any(
        draft.at.tapped(name) is not None for name in names
    )


def _denials(draft: Draft) -> Iterator[Fact]:
    """Noted languages that another message says the person does not speak."""
    for said in draft.at.said:
        if said.kind not in READABLE or said.choice_id:
            continue
        for code in denied_codes(read(said.text), draft.at.language):
            for fact in list(draft.decision.profile):
                if fact.field == f"{Field.LANGUAGES}.{code}" and fact.message_id != said.message_id:
                    yield fact


def _denied(draft: Draft, fact: Fact) -> str:
    draft.drop(fact)
    if _expected(draft, fact):
        return ""
    _remark(draft, fact, "now denied in the chat")
    return fact.field


def _remark(draft: Draft, old: Fact, now: str) -> None:
    day = draft.at.kept_on.get(old.id, "")
    source = f"{old.source}, {day}" if day else old.source
    draft.decision.remarks.append(f'Two values for {old.field}: "{old.quote}" ({source}) and {now}.')


def _first(draft: Draft, field: str) -> bool:
    """Asked once in a conversation, however often it changes."""
    if not field or f"{CONFLICT}.{field}" in draft.intake.told:
        return False
    draft.intake.told.append(f"{CONFLICT}.{field}")
    return True


def _shown(field: str) -> str:
    return Field.LANGUAGES if kind(field) == LEVELS else kind(field)
