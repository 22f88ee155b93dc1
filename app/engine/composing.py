"""From events and the graph's proposal to the one commit of a turn."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from app.agents.models.receipts import with_aid
from app.channels.markup import to_chatwoot
from app.database.conversations import NewConsent, NewFact, OpenTurn, Owner, OwnerChange, TurnCommit
from app.engine.composer import Composer, window_end
from app.engine.desk_acts import NO_ACTS, Acts
from app.engine.folding import Fold
from app.engine.interview_acts import InterviewActs
from app.engine.ownership import Ownership
from app.recruiting.messages import Reply

# Changes of owner that Chatwoot's status does not show by itself.
SHOWN_BY_US = frozenset(
    {
        *("recruiter_wrote", "app_wrote", "assigned", "assigned_to_bot", "label", "silence", "pause_over"),
        *("command_bot", "command_pause"),
    }
)
# The candidate is told that the assistant goes on: nobody gave the conversation back by hand.
VISIBLY_RETURNED = frozenset({"silence", "pause_over"})
RETURNED_UNSEEN = (
    "The assistant has this conversation again. The candidate was not told: the 24-hour window is closed, or they said "
    "stop. They are told when they write."
)


def turn_id_of(conversation_id: str, turn_no: int) -> str:
    """The same turn has the same id on every try, so that it is committed once."""
    return str(uuid5(NAMESPACE_OID, f"turn:{conversation_id}:{turn_no}"))


@dataclass(frozen=True)
class Worker:
    """Who claims the rows of a commit, and for how long (seconds)."""

    name: str
    lease_seconds: float


def compose(
    opened: OpenTurn,
    fold: Fold,
    ownership: Ownership,
    proposal: dict[str, Any] | None,
    *,
    worker: Worker,
    now: float,
    decision: dict[str, Any],
    acts: Acts = NO_ACTS,
) -> TurnCommit:
    """Everything the turn changes. `proposal` is None when the assistant did not think (a person speaks)."""
    turn_id = turn_id_of(opened.conversation_id, opened.turn_no + 1)
    composer = Composer(opened, turn_id, window_end(opened, fold))
    composer.candidate(fold)
    if fold.identities:
        composer.phone()
    if fold.remarks:
        composer.note("\n".join(to_chatwoot(remark) for remark in fold.remarks))
    _answer(composer, fold, acts, now)
    change, untold = ownership.change, None
    if acts.returned and change is not None and change.reason in VISIBLY_RETURNED:
        if composer.window_open(now) and not opened.opted_out:
            composer.reply(Reply(text=acts.returned), author="system", now=now)
        else:
            composer.note(RETURNED_UNSEEN)
            untold = {**opened.intake, "handed_over": change.reason}  # the next answer begins with the line
    commit = TurnCommit(
        turn_id=turn_id,
        conversation_id=opened.conversation_id,
        turn_no=opened.turn_no,
        fence=opened.fence,
        worker=worker.name,
        lease_seconds=worker.lease_seconds,
        window_at=max((event.message.sent_at for event in fold.said), default=None),
        intake=untold,
    )
    _interviews(commit, composer, acts.interviews, now)
    handed = acts.interviews.to_person and ownership.owner is not Owner.HUMAN
    if handed:
        change = OwnerChange(owner=Owner.HUMAN, reason="interview_times")
        if acts.team_id:
            composer.team(acts.team_id)
    if proposal is not None:
        handoff = proposal.get("handoff")
        if handoff:
            change = OwnerChange(owner=Owner.HUMAN, reason=str(handoff["reason"]))
            if acts.team_id:
                composer.team(acts.team_id)
        labels = list((proposal.get("crm") or {}).get("labels") or [])
        if (handoff or handed) and acts.handoff_label:
            labels.append(acts.handoff_label)
        # Beside a person the stage says where the assistant would go on, not that it speaks.
        shown = labels if ownership.owner is Owner.ASSISTANT or proposal.get("opted_out") is not None else None
        author = "system" if handoff or handed else "assistant"
        _apply(commit, composer, proposal, shown, handed=handed, author=author, now=now)
        decision = {**proposal.get("decision", {}), **decision}
    # The status row comes from our side only when the change did: a recruiter's own act is already shown there.
    if change is not None and (change.reason in SHOWN_BY_US or change is not ownership.change):
        composer.status(change.owner)
    commit.owner = change
    commit.decision = with_aid(decision, "transcription", fold.heard)
    commit.messages, commit.outbox = composer.messages, composer.outbox
    return commit


def _answer(composer: Composer, fold: Fold, acts: Acts, now: float) -> None:
    """What recruiters said and asked for."""
    for typed in fold.app:
        composer.in_app(typed)
    for event in fold.recruiter:
        composer.recruiter(event)
    for key, text in acts.answers:
        composer.note(text, key)
    for key, params in acts.templates:
        composer.template(params, key, now=now)
    if any(event.labelled for event in fold.desk):
        composer.unlabel(acts.return_label)


def _interviews(commit: TurnCommit, composer: Composer, acts: InterviewActs, now: float) -> None:
    """What a recruiter's invitation and the candidate's own choice lead to; fixed sentences, also beside a person."""
    commit.interviews = acts.writes
    for each in acts.spoken:
        composer.reply(each.reply, author=each.author, now=now, key=each.key, kind=each.kind)
    for key, file in acts.files:
        composer.file(file, key)
    for key, text in acts.notes:
        composer.note(text, key)
    if acts.shown is not None:
        composer.attributes({"interview": acts.shown})


def _apply(
    commit: TurnCommit,
    composer: Composer,
    proposal: dict[str, Any],
    labels: list[str] | None,
    *,
    handed: bool,
    author: str,
    now: float,
) -> None:
    """Copy what the graph proposes; the proposal's JSON is checked against the record's types here."""
    commit.facts = msgspec.convert(proposal.get("facts", []), list[NewFact])
    commit.retract = msgspec.convert(proposal.get("retract", []), list[str])
    commit.consents = msgspec.convert(proposal.get("consents", []), list[NewConsent])
    commit.intake = proposal.get("intake")
    commit.language = proposal.get("language")
    commit.opted_out = proposal.get("opted_out")
    commit.stage = proposal.get("stage")
    commit.application = proposal.get("application")
    for reply in msgspec.convert(proposal.get("replies", []), list[Reply]):
        composer.reply(reply, author=author, now=now)
    crm = proposal.get("crm") or {}
    if crm.get("note"):
        composer.note(str(crm["note"]))
    # Other turns have nothing new for labels and attributes; the lane writes only what differs.
    learnt = commit.facts or commit.retract or commit.consents or proposal.get("handoff") or handed
    back = labels is not None and composer.is_back
    if learnt or back or commit.turn_no == 0 or commit.opted_out is not None or composer.is_news(commit):
        composer.profile(crm, labels, str((commit.intake or {}).get("vacancy") or ""))
