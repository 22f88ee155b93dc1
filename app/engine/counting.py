"""What a committed turn means in figures; called once per turn, after the commit, so that retries count nothing."""

from app.database.conversations import Owner, TurnCommit
from app.telemetry.metrics import CONSENTS, FACTS_REJECTED, FACTS_STORED, HANDOFFS, INTERVIEWS, OPT_OUTS, OWNERSHIP

# Changes of owner that recruiters make themselves; any other change towards a person is the assistant's handoff.
_BY_RECRUITERS = frozenset({"recruiter_wrote", "assigned", "status_open", "status_snoozed"})

_INTERVIEWS = {
    "invite": "invited",
    "book": "booked",
    "move": "moved",
    "cancel": "cancelled",
    "decline": "declined",
    "end": "ended",
}


def count_committed(commit: TurnCommit) -> None:
    """Consents, facts stored and refused, interviews, opt-outs, changes of owner and handoffs of one turn."""
    for consent in commit.consents:
        CONSENTS(consent.purpose, "true" if consent.granted else "false").inc()
    for fact in commit.facts:
        FACTS_STORED(fact.source).inc()
    for reason, count in commit.decision.get("rejected_reasons", {}).items():
        FACTS_REJECTED(reason).inc(count)
    for act in commit.interviews:
        if state := _INTERVIEWS.get(act["act"]):
            INTERVIEWS(state).inc()
    if commit.opted_out:
        OPT_OUTS.inc()
    if commit.owner is not None:
        OWNERSHIP(commit.owner.owner).inc()
        if commit.owner.owner is Owner.HUMAN and commit.owner.reason not in _BY_RECRUITERS:
            HANDOFFS(commit.owner.reason).inc()
