"""A message that says otherwise than an earlier one: a CV and a chat, or two days of the same chat."""

from collections.abc import Sequence
from typing import Final

from app.recruiting.draft import Draft
from app.recruiting.profile import Fact, Field

CONFLICT: Final = "conflict"  # what the open question is about
_SINGLE = frozenset({Field.NAME, Field.ROLE, Field.CITY, Field.AVAILABILITY})  # fields with one value


def conflicts_of(draft: Draft, before: Sequence[Fact], new: Sequence[Fact]) -> list[str]:
    """Fields whose value changed without being asked for, or tapped; each is named once in a conversation.

    The later value counts until the answer; recruiters read of both, and the record keeps both with their dates.
    """
    asked = draft.intake.asked
    expected = {draft.intake.changing, asked.field if asked else ""}
    known = {fact.field: fact for fact in before}
    found = []
    for fact in new:
        old = known.get(fact.field)
        if old is None or fact.field not in _SINGLE or old.message_id == fact.message_id:
            continue
        if fact.field in expected or draft.at.tapped(fact.field):
            continue
        draft.decision.remarks.append(
            f'Two values for {fact.field}: "{old.quote}" ({old.source}) and now "{fact.quote}" ({fact.source}).'
        )
        if f"{CONFLICT}.{fact.field}" not in draft.intake.told:
            draft.intake.told.append(f"{CONFLICT}.{fact.field}")
            found.append(fact.field)
    return found
