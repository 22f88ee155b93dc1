"""From events and the graph's proposal to the one commit of a turn."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from app.agents.models.receipts import with_aid
from app.channels.errors import Rejected
from app.channels.markup import to_chatwoot, to_whatsapp
from app.channels.media_types import fits_caption
from app.database.conversations import (
    NewConsent,
    NewFact,
    NewMessage,
    OpenTurn,
    Owner,
    OwnerChange,
    TurnCommit,
)
from app.database.outbox import Channel, NewOutboxRow
from app.engine.desk_acts import NO_ACTS, Acts
from app.engine.folding import Fold, recruiter_id
from app.engine.ownership import Ownership
from app.engine.rendering import inbound_text, reply_text, understood_text
from app.recruiting.events import AppSaid, RecruiterSaid
from app.recruiting.messages import InboundMessage, Kind, Reply
from app.recruiting.said import heard
from app.recruiting.window import expires_at

# Chatwoot's status for an owner: pending = bot, open = human.
STATUS_OF_OWNER = {Owner.ASSISTANT: "pending", Owner.HUMAN: "open", Owner.NOBODY: "resolved"}


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
    "stop."
)


def turn_id_of(conversation_id: str, turn_no: int) -> str:
    """The same turn has the same id on every try, so that it is committed once."""
    return str(uuid5(NAMESPACE_OID, f"turn:{conversation_id}:{turn_no}"))


@dataclass(frozen=True)
class Worker:
    """Who claims the rows of a commit, and for how long (seconds)."""

    name: str
    lease_seconds: float


def arrival(message: InboundMessage) -> tuple[NewMessage, NewOutboxRow]:
    """A candidate's message for the transcript, and the row that shows it in Chatwoot. Both are the same whether they
    are stored when it arrives or by its turn."""
    body: dict[str, Any] = {"text": inbound_text(message), "message_id": message.message_id}
    if message.media is not None:
        body["media"] = {**msgspec.to_builtins(message.media), "voice": message.kind is Kind.VOICE}
    if quoted := message.reply_to or message.target_id:
        body["reply_to"] = quoted
    stored = NewMessage(
        message_id=message.message_id,
        author="candidate",
        kind=message.kind,
        text=heard(message).text,
        choice_id=message.choice_id,
        payload=msgspec.to_builtins(message),
        sent_at=message.sent_at,
    )
    row_id = str(uuid5(NAMESPACE_OID, f"incoming:{message.message_id}"))
    row = NewOutboxRow(id=row_id, channel=Channel.CHATWOOT, kind="incoming", author="system", body=body)
    return stored, row


class Composer:
    """Builds one TurnCommit; ids of rows derive from the turn's, so that a repeated turn writes the same rows."""

    def __init__(self, opened: OpenTurn, turn_id: str, window_until: float | None = None) -> None:
        self._window_until = _window_until(opened, Fold()) if window_until is None else window_until
        self._opened = opened
        self._turn_id = turn_id
        self._to = {"wa_id": opened.recipient.wa_id, "bsuid": opened.recipient.bsuid}
        link = opened.chatwoot
        self._desk = msgspec.to_builtins(link) if link.conversation_id else None
        self.messages: list[NewMessage] = []
        self.outbox: list[NewOutboxRow] = []

    def _row(
        self,
        channel: Channel,
        kind: str,
        author: str,
        body: dict[str, Any],
        mirrors: str | None = None,
        key: str = "",
    ) -> str:
        """`key`: the row belongs to this act, whichever turn writes it; else to its place in this turn."""
        row_id = str(uuid5(NAMESPACE_OID, key or f"{self._turn_id}:{len(self.outbox)}"))
        self._add(NewOutboxRow(id=row_id, channel=channel, kind=kind, author=author, body=body, mirrors=mirrors))
        return row_id

    def _add(self, row: NewOutboxRow) -> None:
        if row.channel is Channel.CHATWOOT and self._desk is not None:
            row.body = {**row.body, "desk": self._desk}
        self.outbox.append(row)

    def candidate(self, fold: Fold) -> None:
        """The candidate's messages, shown to the recruiter as they came; what was heard or read in them in a note."""
        wa_id, beside = self._opened.recipient.wa_id, [event.message for event in fold.said]
        as_it_came = {event.message.message_id: event.message for event in fold.plain}
        for event in fold.said:
            message = event.message
            plain = as_it_came.get(message.message_id, message)
            stored, shown = arrival(plain)
            # Of a pin its place, of the own card its lines: so that quotes are found in the transcript.
            text = heard(message, wa_id=wa_id, beside=beside).text
            self.messages.append(msgspec.structs.replace(stored, text=text))
            self._add(shown)
            if words := message.text.removeprefix(plain.text).strip():
                body = {"text": understood_text(message, words), "reply_to": message.message_id}
                self._row(Channel.CHATWOOT, "note", "system", body, key=f"understood:{message.message_id}")

    def in_app(self, event: AppSaid) -> None:
        """The candidate has these words already; recruiters see who wrote them and where."""
        stored, shown = arrival(event.message)
        self.messages.append(msgspec.structs.replace(stored, author="human"))
        body = {**shown.body, "text": f"📱 {shown.body['text']}"}
        self._add(msgspec.structs.replace(shown, kind="outgoing", author="human", body=body))

    def recruiter(self, event: RecruiterSaid) -> None:
        """A recruiter's words go to the candidate; Chatwoot has them already."""
        text = to_whatsapp(event.text)
        author = "system" if event.automatic else "human"
        self.messages.append(
            NewMessage(
                message_id=recruiter_id(event),
                author=author,
                kind="text",
                text=text,
                payload={"recruiter_id": event.recruiter_id},
                sent_at=event.at,
            )
        )
        common: dict[str, Any] = {**self._common(), "chatwoot_message_id": event.message_id}
        if event.in_reply_to:
            common["in_reply_to"] = event.in_reply_to
        if event.template:
            self._row(Channel.WHATSAPP, "template", author, {**common, "template": event.template})
            return
        files = event.attachments
        caption = text if len(files) == 1 and text and _fits(files[0].mime_type, text) else ""
        if text and not caption:
            self._row(Channel.WHATSAPP, "text", author, {**common, "text": text})
        for file in files:
            body = {**common, "attachment": msgspec.to_builtins(file)} | ({"caption": caption} if caption else {})
            self._row(Channel.WHATSAPP, "media", author, body)

    def window_open(self, now: float) -> bool:
        """Free text may leave."""
        return now < self._window_until

    def _common(self) -> dict[str, Any]:
        """What every row to the candidate carries; after `window_until` (Unix seconds) only templates may leave."""
        return {"to": self._to, "window_until": self._window_until}

    def template(self, params: dict[str, Any], key: str, *, now: float) -> None:
        """A template that a recruiter ordered by command."""
        text = f"[template {params.get('name', '')}]"
        row_id = self._row(Channel.WHATSAPP, "template", "human", {**self._common(), "template": params}, key=key)
        self.messages.append(NewMessage(message_id=row_id, author="human", kind="text", text=text, sent_at=now))
        self._row(Channel.CHATWOOT, "outgoing", "system", {"text": to_chatwoot(text)}, row_id, f"{key}:shown")

    def reply(self, reply: Reply, *, author: str, now: float) -> None:
        """A message of ours to the candidate, mirrored in Chatwoot."""
        body = {**self._common(), "reply": msgspec.to_builtins(reply)}
        row_id = self._row(Channel.WHATSAPP, "reply", author, body)
        self.messages.append(
            NewMessage(
                message_id=row_id,
                author=author,
                kind="text",
                text=reply.text,
                payload=msgspec.to_builtins(reply),
                sent_at=now,
            )
        )
        self._row(Channel.CHATWOOT, "outgoing", author, {"text": reply_text(reply)}, mirrors=row_id)

    def note(self, text: str, key: str = "") -> None:
        """A private note for the recruiter, in Markdown."""
        self._row(Channel.CHATWOOT, "note", "system", {"text": text}, key=key)

    def profile(self, crm: dict[str, Any], vacancy: str = "") -> None:
        """What recruiters filter by: labels and vacancy of the conversation, attributes of the contact."""
        body = {"labels": crm.get("labels") or [], "contact": {"custom_attributes": crm.get("attributes") or {}}}
        if vacancy:
            body["conversation"] = {"custom_attributes": {"vacancy": vacancy}}
        self._row(Channel.CHATWOOT, "profile", "system", body)

    def is_news(self, vacancy: str) -> bool:
        """The conversation was about another vacancy, or none, until now."""
        return vacancy != (self._opened.intake.get("vacancy") or "")

    def phone(self) -> None:
        """The candidate is known by another number now."""
        if number := self._opened.recipient.wa_id:
            self._row(Channel.CHATWOOT, "phone", "system", {"phone_number": f"+{number}"})

    def team(self, team_id: int) -> None:
        """Who answers what the assistant hands over."""
        self._row(Channel.CHATWOOT, "team", "system", {"team_id": team_id})

    def unlabel(self, label: str) -> None:
        """The label has done its work."""
        self._row(Channel.CHATWOOT, "unlabel", "system", {"label": label})

    def status(self, owner: Owner) -> None:
        """Show in Chatwoot who speaks now."""
        self._row(Channel.CHATWOOT, "status", "system", {"status": STATUS_OF_OWNER[owner]})


def _window_until(opened: OpenTurn, fold: Fold) -> float:
    known = opened.window_expires_at.timestamp() if opened.window_expires_at else 0.0
    return max([known, *(expires_at(event.message.sent_at) for event in fold.said)])


def _fits(mime: str, text: str) -> bool:
    try:
        return fits_caption(mime, text)
    except Rejected:  # said when the file is sent
        return False


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
    composer = Composer(opened, turn_id, _window_until(opened, fold))
    composer.candidate(fold)
    if fold.identities:
        composer.phone()
    if fold.remarks:
        composer.note("\n".join(to_chatwoot(remark) for remark in fold.remarks))
    _answer(composer, fold, acts, now)
    change = ownership.change
    if acts.returned and change is not None and change.reason in VISIBLY_RETURNED:
        if composer.window_open(now) and not opened.opted_out:
            composer.reply(Reply(text=acts.returned), author="system", now=now)
        else:
            composer.note(RETURNED_UNSEEN)
    commit = TurnCommit(
        turn_id=turn_id,
        conversation_id=opened.conversation_id,
        turn_no=opened.turn_no,
        fence=opened.fence,
        worker=worker.name,
        lease_seconds=worker.lease_seconds,
        window_at=max((event.message.sent_at for event in fold.said), default=None),
    )
    if proposal is not None:
        handoff = proposal.get("handoff")
        if handoff:
            change = OwnerChange(owner=Owner.HUMAN, reason=str(handoff["reason"]))
            if acts.team_id:
                composer.team(acts.team_id)
        _apply(commit, composer, proposal, author="system" if handoff else "assistant", now=now)
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


def _apply(commit: TurnCommit, composer: Composer, proposal: dict[str, Any], *, author: str, now: float) -> None:
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
    learnt = commit.facts or commit.retract or commit.consents or proposal.get("handoff")
    vacancy = str((commit.intake or {}).get("vacancy") or "")
    if learnt or commit.turn_no == 0 or commit.opted_out is not None or composer.is_news(vacancy):
        composer.profile(crm, vacancy)
