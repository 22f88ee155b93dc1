"""Which of a candidate's messages open a closed conversation, and which reach the agents."""

import pytest

from app.database.conversations import Owner
from app.engine.folding import Fold
from app.engine.ownership import decide
from app.recruiting.events import CandidateSaid, Sender
from app.recruiting.messages import InboundMessage, Kind


def folded(*kinds: Kind) -> Fold:
    messages = [
        InboundMessage(message_id=f"m{n}", sent_at=1.0, kind=kind, target_id="m") for n, kind in enumerate(kinds)
    ]
    return Fold(said=[CandidateSaid(number_id="1", sender=Sender(wa_id="31"), message=each) for each in messages])


@pytest.mark.parametrize(
    ("kinds", "heard", "owner"),
    [
        ((Kind.REACTION,), 0, Owner.NOBODY),
        ((Kind.REVOKE,), 1, Owner.NOBODY),
        ((Kind.REVOKE, Kind.REACTION), 1, Owner.NOBODY),
        ((Kind.EDIT,), 1, Owner.ASSISTANT),
        ((Kind.REVOKE, Kind.TEXT), 2, Owner.ASSISTANT),
    ],
)
def test_who_only_deletes_is_heard_but_opens_nothing(kinds: tuple[Kind, ...], heard: int, owner: Owner) -> None:
    fold = folded(*kinds)
    assert len(fold.inbound) == heard
    assert decide(Owner.NOBODY, 0.0, fold).owner is owner
