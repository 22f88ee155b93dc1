"""One turn's rows: what goes to the candidate, and what recruiters see of it."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from app.channels.errors import Rejected
from app.channels.markup import to_markdown, to_whatsapp
from app.channels.media_types import fits_caption
from app.channels.whatsapp import parts_of
from app.database.conversations import NewMessage, OpenTurn, Owner, TurnCommit
from app.database.outbox import Channel, NewOutboxRow
from app.engine.folding import Fold, recruiter_id
from app.engine.rendering import inbound_text, reply_text, understood_text
from app.recruiting.events import AppSaid, RecruiterSaid
from app.recruiting.messages import InboundMessage, Kind, Reply
from app.recruiting.said import heard
from app.recruiting.window import expires_at

# Chatwoot's status for an owner: pending = bot, open = human.
STATUS_OF_OWNER = {Owner.ASSISTANT: "pending", Owner.HUMAN: "open", Owner.NOBODY: "resolved"}


def arrival(message: InboundMessage, wa_id: str = "") -> tuple[NewMessage, NewOutboxRow]:
    """A candidate's message for the transcript, and the row that shows it in Chatwoot with the number it came from, if
    it told. Both are the same whether they are stored when it arrives or by its turn."""
    body: dict[str, Any] = {"text": inbound_text(message), "message_id": message.message_id}
    if wa_id:
        body["phone_number"] = f"+{wa_id}"
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
        self._window_until = window_end(opened, Fold()) if window_until is None else window_until
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
            stored, shown = arrival(plain, event.sender.wa_id)
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
        # What the assistant reads of it later.
        said = text or " ".join(f"[{file.file_type or 'file'}]" for file in event.attachments)
        author = "system" if event.automatic else "human"
        self.messages.append(
            NewMessage(
                message_id=recruiter_id(event),
                author=author,
                kind="text",
                text=said,
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
        for part in parts_of(text) if not caption else []:
            self._row(Channel.WHATSAPP, "text", author, {**common, "text": part})
        for file in files:
            body = {**common, "attachment": msgspec.to_builtins(file)} | ({"caption": caption} if caption else {})
            self._row(Channel.WHATSAPP, "media", author, body)

    def window_open(self, now: float) -> bool:
        """Free text may leave."""
        return now < self._window_until

    def _common(self) -> dict[str, Any]:
        """What every row to the candidate carries; after `window_until` (Unix seconds) only templates may leave."""
        return {"to": self._to, "window_until": self._window_until}

    def template(self, params: dict[str, Any], key: str, *, now: float, author: str = "human") -> None:
        """A template that a recruiter ordered by command, or one of ours (`system`)."""
        text = str(params.get("shown") or f"[template {params.get('name', '')}]")
        sent = {name: value for name, value in params.items() if name != "shown"}
        row_id = self._row(Channel.WHATSAPP, "template", author, {**self._common(), "template": sent}, key=key)
        self.messages.append(NewMessage(message_id=row_id, author=author, kind="text", text=text, sent_at=now))
        self._row(Channel.CHATWOOT, "outgoing", "system", {"text": to_markdown(text)}, row_id, f"{key}:shown")

    def reply(self, reply: Reply, *, author: str, now: float, key: str = "", kind: str = "text") -> None:
        """A message of ours to the candidate, mirrored in Chatwoot; `human`: a recruiter ordered it by command."""
        body = {**self._common(), "reply": msgspec.to_builtins(reply)}
        row_id = self._row(Channel.WHATSAPP, "reply", author, body, key=key)
        self.messages.append(
            NewMessage(
                message_id=row_id,
                author=author,
                kind=kind,
                text=reply.text,
                payload=msgspec.to_builtins(reply),
                sent_at=now,
            )
        )
        shown = "system" if author == "human" else author  # signed by a person it would read as their own words
        text, mirror = {"text": reply_text(reply)}, f"{key}:shown" if key else ""
        self._row(Channel.CHATWOOT, "outgoing", shown, text, mirrors=row_id, key=mirror)

    def file(self, file: dict[str, str], key: str) -> None:
        """A small text file of ours: `name`, `mime` as WhatsApp takes it, `text`."""
        row_id = self._row(Channel.WHATSAPP, "file", "system", {**self._common(), "file": file}, key=key)
        self._row(Channel.CHATWOOT, "outgoing", "system", {"text": f"📎 {file['name']}"}, row_id, f"{key}:shown")

    def note(self, text: str, key: str = "") -> None:
        """A private note for the recruiter, in Markdown."""
        self._row(Channel.CHATWOOT, "note", "system", {"text": text}, key=key)

    def profile(self, crm: dict[str, Any], labels: list[str] | None, vacancy: str = "") -> None:
        """What recruiters filter by: labels (None: left as they are), vacancy, attributes of the contact."""
        body: dict[str, Any] = {"labels": labels}
        if attributes := crm.get("attributes"):
            body["contact"] = {"custom_attributes": attributes}
        if vacancy:
            body["conversation"] = {"custom_attributes": {"vacancy": vacancy}}
        self._row(Channel.CHATWOOT, "profile", "system", body)

    def attributes(self, attributes: dict[str, str]) -> None:
        """What recruiters filter conversations by; other attributes stay."""
        self._row(Channel.CHATWOOT, "attributes", "system", {"conversation": {"custom_attributes": attributes}})

    def is_news(self, commit: TurnCommit) -> bool:
        """Stage, language or vacancy were others, or none, until now."""
        known = self._opened
        vacancy = str((commit.intake or {}).get("vacancy") or "")
        return (
            vacancy != (known.intake.get("vacancy") or "")
            or commit.stage not in (None, known.stage)
            or commit.language not in (None, known.language)
        )

    @property
    def is_back(self) -> bool:
        """The assistant has not spoken since the conversation last changed hands."""
        known = self._opened
        spoke = (line.at for line in known.transcript if line.author == "assistant")
        return known.owner is not Owner.ASSISTANT or not any(at >= known.owner_since for at in spoke)

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


def window_end(opened: OpenTurn, fold: Fold) -> float:
    """Unix seconds up to which free text may leave; candidates' messages of this turn open it anew."""
    known = opened.window_expires_at.timestamp() if opened.window_expires_at else 0.0
    return max([known, *(expires_at(event.message.sent_at) for event in fold.said)])


def _fits(mime: str, text: str) -> bool:
    try:
        return fits_caption(mime, text)
    except Rejected:  # said when the file is sent
        return False
