"""The lane to the recruiters: what a row's `kind` and `body` mean to Chatwoot."""

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.channels.chatwoot import Chatwoot, Desk, NotFound
from app.channels.chatwoot_files import ChatwootUploads
from app.channels.errors import Halted, Rejected, Retry, SendError
from app.channels.media import MediaFile, WhatsAppMedia
from app.database.conversations import ChatwootLink, Conversations, OpenTurn
from app.database.desk import DeskRecord
from app.database.outbox import ClaimedRow
from app.mailbox.mailbox import Mailbox
from app.recruiting.window import expires_at
from app.telemetry.logs import get_logger

log = get_logger()
# Chatwoot takes 200 messages a minute in one conversation. Recruiters' own count here as soon as we are told of them;
# the rest is room for those that are on their way, and for the lines that Chatwoot writes itself.
MOST_PER_MINUTE = 150
HALT_SECONDS = 30.0
# Kinds of errors after which the lanes wait, each by its own clock, although one look would serve all.
AWAY = frozenset({"network", "timeout", "server"})
REMADE = "This conversation was deleted here and made again; what was said before is in the record."
WINDOW_ATTRIBUTE = "reply_window_until"
MISSING_FILE = "(the file could not be fetched from WhatsApp)"
REFUSED_FILE = "(Chatwoot did not take the file)"


class ChatwootLane:
    """Rows to the recruiter: `incoming`, `outgoing`, `note` (body `text`), `status` (`status`), `profile` (`contact`,
    `conversation`, `labels`), `attributes` (`conversation`), `unlabel` (`label`), `phone` (`phone_number`), `team`
    (`team_id`), `merge` (`contact_id`, which becomes part of this one)."""

    settles_each = False

    def __init__(
        self,
        chatwoot: Chatwoot,
        uploads: ChatwootUploads,
        media: WhatsAppMedia,
        conversations: Conversations,
        record: DeskRecord,
        mailbox: Mailbox,
    ) -> None:
        self._chatwoot = chatwoot
        self._uploads = uploads
        self._media = media
        self._conversations = conversations
        self._record = record
        self._mailbox = mailbox
        self._halted_until = 0.0

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:
        """Raises SendError. A conversation that a recruiter deleted is made again, once, and says so."""
        if time.monotonic() < self._halted_until:
            raise Halted("Chatwoot refused the access token", code=401)
        try:
            return await self._send(row, conversation_id, address)
        except Halted as refused:
            self._halted_until = time.monotonic() + HALT_SECONDS
            log.error("chatwoot.halted", error_code=refused.code)  # noqa: TRY400 a trace tells nothing more
            raise
        except SendError as error:
            if error.kind in AWAY:
                await self._mailbox.doubt()
            raise

    async def _send(self, row: ClaimedRow, conversation_id: str, address: str) -> str:
        desk = await self._desk(row, conversation_id, address)
        if row.attempts > 1:
            await self._tell_remade(desk, address)
        try:
            return await self._write(row, desk, conversation_id, address)
        except NotFound:
            known = await self._known(address)
            if known is None or known.conversation_id == desk.conversation_id:
                known = await self._make_desk(conversation_id, address)
                await self._mailbox.note_written(address, "remade", row.id)
            await self._tell_remade(known, address)
            return await self._write(row, known, conversation_id, address)

    async def _tell_remade(self, desk: Desk, address: str) -> None:
        """Say that the conversation was made anew; a failure leaves it to the row's next attempt."""
        if key := await self._mailbox.written(address, "remade"):
            note = {"message_type": "outgoing", "private": True, "content": REMADE}
            await self._chatwoot.say(desk.conversation_id, note, f"{key}:remade")
            await self._mailbox.note_written(address, "remade", "")

    async def find(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str | None:
        """Chatwoot's id of the message that carries our row id."""
        if row.kind not in ("incoming", "outgoing", "note"):  # safe to repeat
            return None
        desk = await self._desk(row, conversation_id, address)
        try:
            found = await self._chatwoot.find(desk.conversation_id, row.id, since=row.created_at.timestamp())
        except NotFound:
            return None
        return str(found) if found else None

    async def _write(self, row: ClaimedRow, desk: Desk, conversation_id: str, address: str) -> str:
        match row.kind:
            case "incoming" | "outgoing" | "note":
                return str(await self._say(row, desk, conversation_id, address))
            case "status":
                await self._mailbox.note_status(address, row.body["status"])
                await self._chatwoot.set_status(desk.conversation_id, row.body["status"])
            case "profile":
                await self._profile(row, desk, address)
            case "attributes":
                await self._attributes(row.body["conversation"]["custom_attributes"], desk, address)
            case "unlabel":
                await self._unlabel(desk, address, row.body["label"])
            case "phone":
                await self._phone(desk.contact_id, row.body["phone_number"], address)
            case "merge":
                await self._merge(desk.contact_id, int(row.body["contact_id"]))
            case "team":
                await self._chatwoot.assign_team(desk.conversation_id, int(row.body["team_id"]))
            case _:
                raise Rejected(f"unknown kind of row {row.kind!r}")
        return f"{row.kind}:{row.id}"

    async def _say(self, row: ClaimedRow, desk: Desk, conversation_id: str, address: str) -> int:
        if wait := await self._mailbox.pace(address, most=MOST_PER_MINUTE, seconds=60):
            raise Retry("many messages in one conversation", retry_after=wait, kind="throttled")
        message: dict[str, Any] = {
            "content": row.body["text"],
            "message_type": "incoming" if row.kind == "incoming" else "outgoing",
        }
        if row.kind == "note":
            message["private"] = True
        quoted = int(row.body.get("in_reply_to") or 0)
        if wamid := row.body.get("reply_to"):
            quoted = await self._record.message_of(conversation_id, wamid)
        if quoted:
            message["content_attributes"] = {"in_reply_to": quoted}
        media = row.body.get("media")
        file = await self._fetched(media) if media else None
        if media and file is None:
            message["content"] = f"{message['content']} {MISSING_FILE}"
        said = await self._with_file(row, desk, message, file) if file is not None else 0
        if not said:
            said = await self._chatwoot.say(desk.conversation_id, message, row.id, as_bot=row.author != "human")
        if row.kind == "incoming":
            await self._window(row, desk, address)
            await self._number(row, desk, address)
        return said

    async def _with_file(self, row: ClaimedRow, desk: Desk, message: dict[str, Any], file: MediaFile) -> int:
        """0: Chatwoot refuses the file (its size, its type), and the message goes without it."""
        voice = bool(row.body["media"].get("voice"))
        try:
            return await self._uploads.say(desk.conversation_id, message, row.id, [file], voice=voice)
        except NotFound:
            raise
        except Rejected as refused:
            log.warning("file.unshown", error_code=refused.code)
            message["content"] = f"{message['content']} {REFUSED_FILE}"
            return 0

    async def _window(self, row: ClaimedRow, desk: Desk, address: str) -> None:
        """Until when a recruiter may answer freely, to the hour: written when the hour is another one."""
        until = f"{datetime.fromtimestamp(expires_at(row.created_at.timestamp()), UTC):%Y-%m-%d %H}:00 UTC"
        if await self._mailbox.written(address, "window") == until:
            return
        try:
            await self._chatwoot.update_contact(desk.contact_id, {"custom_attributes": {WINDOW_ATTRIBUTE: until}})
        except SendError as error:
            # The message stands in Chatwoot by now: failing here would write it a second time.
            log.info("window.unshown", error_code=error.code)
        else:
            await self._mailbox.note_written(address, "window", until)

    async def _number(self, row: ClaimedRow, desk: Desk, address: str) -> None:
        """A candidate who was known by another id alone shows a phone number."""
        phone = str(row.body.get("phone_number") or "")
        if not phone or await self._mailbox.written(address, "phone") == phone:
            return
        try:
            await self._phone(desk.contact_id, phone, address)
        except SendError as error:
            # As above; the next message shows it again.
            log.info("number.unshown", error_code=error.code)

    async def _fetched(self, media: dict[str, Any]) -> MediaFile | None:
        """None: WhatsApp does not give the file, and will not."""
        try:
            file = await self._media.fetch(media["media_id"])
        except Rejected:
            return None
        except SendError as error:
            # Trouble at WhatsApp must not read as trouble at Chatwoot.
            raise Retry(error.title, code=error.code, retry_after=error.retry_after, kind="media") from None
        return MediaFile(
            content=file.content, mime=file.mime, sha256=file.sha256, filename=media.get("filename") or file.filename
        )

    async def _profile(self, row: ClaimedRow, desk: Desk, address: str) -> None:
        """Written only where it differs from what we wrote last; labels of recruiters stay."""
        contact = row.body.get("contact") or {}
        stamp = json.dumps(contact, sort_keys=True, ensure_ascii=False)
        if contact and await self._mailbox.written(address, "contact") != stamp:
            await self._chatwoot.update_contact(desk.contact_id, contact)
            await self._mailbox.note_written(address, "contact", stamp)
        if attributes := (row.body.get("conversation") or {}).get("custom_attributes"):
            await self._attributes(attributes, desk, address)
        if row.body.get("labels") is not None:
            await self._labels(sorted(row.body["labels"]), desk, address)

    async def _labels(self, labels: list[str], desk: Desk, address: str) -> None:
        ours = json.loads(await self._mailbox.written(address, "labels") or "[]")
        if ours != labels:
            present = await self._chatwoot.labels(desk.conversation_id)
            wanted = [label for label in present if label not in ours or label in labels]
            wanted += [label for label in labels if label not in wanted]
            if wanted != present:
                await self._chatwoot.set_labels(desk.conversation_id, wanted)
            await self._mailbox.note_written(address, "labels", json.dumps(labels))

    async def _attributes(self, ours: dict[str, Any], desk: Desk, address: str) -> None:
        """Chatwoot replaces all of a conversation's attributes: those of recruiters are written along."""
        stamp = json.dumps(ours, sort_keys=True, ensure_ascii=False)
        if await self._mailbox.written(address, "attributes") == stamp:
            return
        present = await self._chatwoot.attributes(desk.conversation_id)
        if present | ours != present:
            await self._chatwoot.set_attributes(desk.conversation_id, present | ours)
        await self._mailbox.note_written(address, "attributes", stamp)

    async def _unlabel(self, desk: Desk, address: str, label: str) -> None:
        present = await self._chatwoot.labels(desk.conversation_id)
        if label in present:
            await self._mailbox.note_label_gone(address)
            await self._chatwoot.set_labels(desk.conversation_id, [each for each in present if each != label])

    async def _phone(self, contact_id: int, phone: str, address: str) -> None:
        fields = {"phone_number": phone}
        try:
            await self._chatwoot.update_contact(contact_id, fields)
        except NotFound:
            raise
        except Rejected as refused:
            if refused.code != 422:
                raise
            # The number belongs to another contact: the same person, seen before by number alone.
            other = await self._chatwoot.contact_with_phone(phone)
            if other is None or other == contact_id:
                raise
            await self._chatwoot.merge_contacts(contact_id, other)
            await self._chatwoot.update_contact(contact_id, fields)
        await self._mailbox.note_written(address, "phone", phone)

    async def _merge(self, contact_id: int, other: int) -> None:
        """A contact that is gone was merged before, or deleted by a recruiter: either way there is one left."""
        if other == contact_id:
            return
        with contextlib.suppress(NotFound):
            await self._chatwoot.merge_contacts(contact_id, other)

    async def _desk(self, row: ClaimedRow, conversation_id: str, address: str) -> Desk:
        if "desk" in row.body:  # known when the turn was opened: no look-up
            return msgspec.convert(row.body["desk"], Desk)
        return await self._known(address) or await self._make_desk(conversation_id, address)

    async def _known(self, address: str) -> Desk | None:
        opened = await self._conversations.find(address)
        if opened is None or not opened.chatwoot.conversation_id:
            return None
        return Desk(contact_id=opened.chatwoot.contact_id, conversation_id=opened.chatwoot.conversation_id)

    async def _make_desk(self, conversation_id: str, address: str) -> Desk:
        opened = await self._conversations.find(address)
        if opened is None:
            raise Rejected("the conversation is not in the record")
        desk = await self._chatwoot.open_desk(opened.address, name=shown_name(opened), phone=phone_of(opened))
        await self._mailbox.note_status(address, desk.status, assignee="")
        await self._mailbox.note_written(address, "phone", phone_of(opened))
        link = ChatwootLink(contact_id=desk.contact_id, conversation_id=desk.conversation_id)
        await self._conversations.set_chatwoot(conversation_id, link)
        return desk


def shown_name(opened: OpenTurn) -> str:
    """What recruiters read as the contact's name."""
    return opened.profile_name or opened.username or "WhatsApp candidate"


def phone_of(opened: OpenTurn) -> str:
    """E.164, empty if unknown."""
    return f"+{opened.recipient.wa_id}" if opened.recipient.wa_id else ""
