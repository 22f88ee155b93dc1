"""Who may speak next: what recruiters did in Chatwoot decides, in the order they did it."""

from dataclasses import dataclass

from app.database.conversations import Owner, OwnerChange
from app.engine.folding import Fold
from app.recruiting.events import AppSaid, DeskChanged, HandBack, RecruiterSaid

Act = RecruiterSaid | AppSaid | DeskChanged | HandBack

# Chatwoot's convention: pending = bot, open or snoozed = human, resolved = closed.
OWNER_OF_STATUS = {
    "pending": Owner.ASSISTANT,
    "open": Owner.HUMAN,
    "snoozed": Owner.HUMAN,
    "resolved": Owner.NOBODY,
}


MOVED_BY = {"status": "status", "label_list": "label"}


@dataclass(frozen=True)
class Ownership:
    """`change` is None when the owner stays; `owner` is who may speak after these events."""

    owner: Owner
    change: OwnerChange | None


def _moved(event: DeskChanged) -> set[str]:
    """What differs from the state known before. Chatwoot builds its events late: one that tells of a status may show
    an assignment made after it, so what it says has changed counts only where nothing was known."""
    if event.moved is not None:
        return set(event.moved)
    return {MOVED_BY.get(name, "assignee") for name in event.changed}


def _of_desk(event: DeskChanged) -> OwnerChange | None:
    owner, moved = OWNER_OF_STATUS.get(event.status), _moved(event)
    if owner is None:
        return None
    if event.labelled and "label" in moved:
        return OwnerChange(owner=Owner.ASSISTANT, reason="label")
    if owner is Owner.HUMAN and event.assignee_type == "AgentBot" and moved == {"assignee"}:
        return OwnerChange(owner=Owner.ASSISTANT, reason="assigned_to_bot")
    # Pending and assigned to a person: whichever of the two they did last counts; in doubt the person speaks.
    if owner is Owner.ASSISTANT and event.assignee_type == "User" and event.assignee_id:
        if "assignee" in moved:
            return OwnerChange(owner=Owner.HUMAN, reason="assigned")
        return OwnerChange(owner=Owner.ASSISTANT, reason="status_pending") if "status" in moved else None
    return OwnerChange(owner=owner, reason=f"status_{event.status}")


def _wanted(act: Act) -> OwnerChange | None:
    match act:
        case RecruiterSaid():
            return OwnerChange(owner=Owner.HUMAN, reason="recruiter_wrote")
        case AppSaid():
            return OwnerChange(owner=Owner.HUMAN, reason="app_wrote")
        case DeskChanged():
            return _of_desk(act)
        case HandBack(reason=reason):
            return OwnerChange(owner=Owner.ASSISTANT, reason=reason)


def decide(current: Owner, since: float, fold: Fold, *, returned_at: float = 0.0) -> Ownership:
    """Fold recruiters' acts; a candidate who writes into a closed conversation opens it for the assistant again.

    `since` (Unix seconds) is when the current owner began: what Chatwoot showed before that is old news. `returned_at`,
    by Chatwoot's clock, is when the conversation was last given back: words from before it take nothing any more.
    """
    owner, change = current, None
    acts: list[Act] = sorted([*fold.humans, *fold.in_app, *fold.desk, *fold.back], key=lambda act: act.at)
    for act in acts:
        wanted = _wanted(act)
        if isinstance(act, DeskChanged) and act.at < since:
            continue
        if isinstance(act, RecruiterSaid | AppSaid) and act.at < returned_at:
            continue
        if isinstance(act, HandBack) and owner is not Owner.HUMAN:
            continue
        # Chatwoot shows `pending` in the very events of a recruiter's message: their words weigh more.
        if wanted is not None and wanted.owner is Owner.ASSISTANT and fold.humans and act.at <= fold.humans[-1].at:
            wanted = None
        if wanted is not None and wanted.owner is not owner:
            owner, change = wanted.owner, wanted
    if owner is Owner.NOBODY and fold.spoken and not fold.humans and not fold.in_app:
        owner, change = Owner.ASSISTANT, OwnerChange(owner=Owner.ASSISTANT, reason="candidate_returned")
    return Ownership(owner, change)
