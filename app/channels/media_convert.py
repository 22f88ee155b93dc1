"""Recruiters' files as WhatsApp takes them. What must be converted is converted in a process of its own, see
media_child, so that neither its memory nor its libraries reach this one."""

import asyncio
import hashlib
from pathlib import PurePath

from app.channels.errors import Rejected, Retry
from app.channels.media import MediaFile, MediaTooLarge
from app.channels.media_recognise import Reason, Source, converted_from
from app.channels.media_types import ACCEPTED, CAPS, MEGABYTE, known_form, whatsapps_name
from app.confined.outside import NotStarted, in_child

_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "audio/ogg": ".ogg", "video/mp4": ".mp4"}
_SLOT_SECONDS = 5.0
# A send may be taken for lost after 30 seconds, of which the download needs some.
_SECONDS = 20.0


class MediaConverter:
    """One per process: one file at a time, within `seconds`; others wait `slot_seconds` for it and come again."""

    def __init__(self, *, seconds: float = _SECONDS, slot_seconds: float = _SLOT_SECONDS) -> None:
        self._slot = asyncio.Lock()
        self._slot_seconds = slot_seconds
        self._seconds = seconds

    async def fit(self, file: MediaFile) -> MediaFile:
        """The file itself, if WhatsApp may take it, or one made from it. Raises Rejected, MediaTooLarge, Retry."""
        mime = whatsapps_name(file.mime)
        form = known_form(mime)
        source = converted_from(file.content, mime, kind=form.kind if form else "", cap=form.cap if form else 0)
        if source is None:
            return file
        try:
            async with asyncio.timeout(self._slot_seconds):
                await self._slot.acquire()
        except TimeoutError:
            raise Retry("other files are being converted", retry_after=5.0, kind="media") from None
        try:
            made = await self._in_child(source, file.content)
        finally:
            self._slot.release()
        head, _, content = made.partition(b"\n")
        kind = head.decode("ascii", "replace")
        if kind not in _ENDINGS or not content:
            known = kind.removeprefix("!")
            raise _refused(Reason(known) if known in set(Reason) else Reason.DAMAGED, source)
        digest = hashlib.sha256(content).hexdigest()
        name = PurePath(file.filename or "file").stem + _ENDINGS[kind]
        return MediaFile(content=content, mime=kind, sha256=digest, filename=name)

    async def _in_child(self, source: Source, content: bytes) -> bytes:
        cap = CAPS["image" if source.tool == "picture" else "video"]
        arguments = (source.tool, source.form, str(cap))
        try:
            answer, status = await in_child(
                "app.channels.media_child", arguments, content, most=cap + MEGABYTE, seconds=self._seconds
            )
        except NotStarted:
            raise Retry("the file cannot be converted at the moment", kind="media") from None
        except TimeoutError:
            raise _refused(Reason.LONG, source) from None
        if status < 0:  # killed: time, memory, or a crash in a decoder
            raise _refused(Reason.HUGE, source)
        if status > 0:  # not the file's fault: an installation without the libraries
            raise Rejected(f"Files of this type cannot be converted here. {ACCEPTED}", kind="media")
        return answer


def _refused(reason: Reason, source: Source) -> Rejected:
    """What a recruiter reads, with what would work."""
    what = "picture" if source.tool == "picture" else "recording"
    match reason:
        case Reason.PAGES:
            return Rejected("The file has several pages; WhatsApp takes scans as PDF", kind="media")
        case Reason.HUGE:
            return MediaTooLarge(f"The {what} is too large to be converted for WhatsApp. {ACCEPTED}")
        case Reason.LONG:
            return MediaTooLarge(f"The {what} is too long to be converted for WhatsApp. {ACCEPTED}")
        case Reason.DAMAGED:
            return Rejected(f"The {what} is damaged or of an unknown kind. {ACCEPTED}", kind="media")
