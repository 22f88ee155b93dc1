"""The lane to the candidate: what a row's `kind` and `body` mean to WhatsApp."""

import time
from typing import Any

import msgspec

from app.channels.chatwoot_files import ChatwootFiles
from app.channels.errors import Rejected, WindowClosed
from app.channels.media import WhatsAppMedia
from app.channels.media_convert import MediaConverter
from app.channels.media_types import fits_caption, media_body
from app.channels.whatsapp import WINDOW, Recipient, WhatsApp, reply_body, template_body, text_body
from app.database.conversations import Conversations
from app.database.desk import DeskRecord
from app.database.outbox import ClaimedRow
from app.recruiting.events import RecruiterAttachment
from app.recruiting.messages import Reply


class WhatsAppLane:
    """Rows to the candidate, `to` = recipient: `reply` (body `reply`), `text` (`text`), `template` (Chatwoot's
    `template_params`), `media` (a recruiter's `attachment`, `caption`), `file` (of ours: `name`, `mime`, `text`);
    `in_reply_to` is Chatwoot's id of the quote.
    """

    settles_each = True

    def __init__(
        self,
        whatsapp: WhatsApp,
        media: WhatsAppMedia,
        files: ChatwootFiles,
        conversations: Conversations,
        desk: DeskRecord,
    ) -> None:
        self._whatsapp = whatsapp
        self._media = media
        self._files = files
        self._converter = MediaConverter()
        self._conversations = conversations
        self._desk = desk

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:
        """Raises SendError."""
        recipient = msgspec.convert(row.body["to"], Recipient)
        if row.kind != "template":
            await self._check_window(row, address)
        return await self._whatsapp.send(recipient, await self._body(row, conversation_id), row.id)

    async def _body(self, row: ClaimedRow, conversation_id: str) -> dict[str, Any]:
        quoted = row.body.get("reply_to", "")
        if message_id := row.body.get("in_reply_to"):
            quoted = await self._desk.wamid_of(conversation_id, int(message_id))
        match row.kind:
            case "reply":
                return reply_body(msgspec.convert(row.body["reply"], Reply))
            case "text":
                return text_body(row.body["text"], quoted)
            case "template":
                return template_body(row.body["template"])
            case "media":
                return await self._file(row, quoted)
            case "file":
                return await self._own_file(row.body["file"])
        raise Rejected(f"unknown kind of row {row.kind!r}")

    async def _file(self, row: ClaimedRow, quoted: str) -> dict[str, Any]:
        whole = await self._files.download(msgspec.convert(row.body["attachment"], RecruiterAttachment))
        file = await self._converter.fit(whole)
        media_id = await self._media.upload(file.content, file.mime, file.filename or "file")
        caption = row.body.get("caption", "")
        if caption and not fits_caption(file.mime, caption):
            raise Rejected("WhatsApp shows no text under a recording. Please send the text and the file apart")
        return media_body(media_id, file.mime, filename=file.filename, caption=caption, reply_to=quoted)

    async def _own_file(self, file: dict[str, str]) -> dict[str, Any]:
        media_id = await self._media.upload(file["text"].encode(), file["mime"], file["name"])
        return media_body(media_id, file["mime"], filename=file["name"])

    async def _check_window(self, row: ClaimedRow, address: str) -> None:
        """The row knows the window as it was when it was written; the candidate may have written since."""
        until = row.body.get("window_until")
        if until is None or time.time() < until:
            return
        opened = await self._conversations.find(address)
        expires = opened.window_expires_at if opened is not None else None
        if expires is None or time.time() >= expires.timestamp():
            raise WindowClosed("service window closed", code=WINDOW)

    async def find(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str | None:  # noqa: ARG002
        """WhatsApp cannot be asked; its status webhook settles the row (see Statuses.fold)."""
        return None
