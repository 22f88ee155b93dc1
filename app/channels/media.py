"""Files that candidates send and recruiters attach, through 360Dialog.

The vendor answers errors with a block: 20 error replies to media requests within an hour close the route for half an
hour, for every candidate. So no error is answered by a second try, and all processes share one budget below that.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field

import httpx
import msgspec
from redis.asyncio import Redis

from app.channels.errors import Ambiguous, Halted, Rejected, Retry, SendError
from app.channels.media_types import MEGABYTE, cap_of, media_form
from app.channels.whatsapp import refusal

HOUR = 3600
MOST_ERRORS = 15  # of the vendor's 20 an hour, counting calls under way
CLOSED_SECONDS = 1800
GONE_SECONDS = 7 * 86400  # media ids live 7 days
LATER_SECONDS = 300
_DOWNLOAD_SECONDS = 60.0  # links live 5 minutes
_PARALLEL = 4

_MEDIA_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_META_HOST = "lookaside.fbsbx.com"  # named in every link; reached through 360Dialog instead
_SHA256_BYTES = 32

# Deletes what is over an hour old; takes a place if one is free.
_RESERVE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class MediaGone(Rejected):
    """The vendor does not have the file any more, or an earlier try was refused."""

    kind = "media"


class MediaTooLarge(Rejected):
    """Above the limit for its type."""

    kind = "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A whole file. `mime` as the sender's system names it; `sha256` in hex, of `content`."""

    content: bytes = field(repr=False)
    mime: str
    sha256: str
    filename: str = field(default="", repr=False)


class Described(msgspec.Struct):
    """360Dialog's answer to `GET /{media-id}`; `sha256` in hex or base64."""

    url: str
    mime_type: str = ""
    sha256: str = ""
    file_size: int = 0


class ErrorBudget:
    """What all processes know of failed media requests of one number, in Redis.

    `media:{name}:errors` is a sorted set of calls under way and error replies by their time; `:closed` says that the
    vendor has blocked the route; `:blocked:<media id>` how an id failed.
    """

    def __init__(self, redis: Redis, name: str, reserve_seconds: float) -> None:
        self._redis = redis
        self._patience = reserve_seconds
        self._reserve = redis.register_script(_RESERVE)
        self._key = f"media:{{{name}}}"

    async def check(self, media_id: str) -> None:
        """Raises what an earlier try of this id ended with, or Retry while the route is closed."""
        if (closed := await self._redis.ttl(f"{self._key}:closed")) > 0:
            raise Retry("360Dialog has closed media requests", retry_after=float(closed), kind="throttled")
        blocked = f"{self._key}:blocked:{media_id}"
        verdict = await self._redis.get(blocked)
        if verdict == b"later":
            wait = max(1, await self._redis.ttl(blocked))
            raise Retry("this file failed a moment ago", retry_after=float(wait), kind="media")
        if verdict is not None:
            raise MediaTooLarge("too large") if verdict == b"too_large" else MediaGone("refused before")

    async def reserve(self) -> str:
        """A place for one call. Raises Retry when the hour's errors are used up."""
        token = secrets.token_hex(8)
        deadline = time.monotonic() + self._patience
        while not await self._reserve(keys=[f"{self._key}:errors"], args=[time.time(), HOUR, MOST_ERRORS, token]):
            # Places are also held by calls under way, for some tenths of a second.
            if time.monotonic() > deadline:
                raise Retry("too many media errors this hour", retry_after=60.0, kind="throttled")
            await asyncio.sleep(0.1)
        return token

    async def release(self, token: str) -> None:
        """The call brought no error reply."""
        await self._redis.zrem(f"{self._key}:errors", token)

    async def block(self, media_id: str, verdict: str, seconds: int) -> None:
        """No further try of this id: `gone`, `too_large`, or `later` (then it may be tried again)."""
        await self._redis.set(f"{self._key}:blocked:{media_id}", verdict, ex=seconds)

    async def close(self) -> None:
        """No media request at all until the vendor's block is over."""
        await self._redis.set(f"{self._key}:closed", b"1", ex=CLOSED_SECONDS)


class WhatsAppMedia:
    """One client per process. `http` carries the key and reaches 360Dialog or its twin, no other host.

    `name` tells numbers apart that share a Redis; `reserve_seconds` = how long to wait for other calls to end.
    """

    def __init__(
        self, http: httpx.AsyncClient, redis: Redis, *, name: str = "desk", reserve_seconds: float = 3.0
    ) -> None:
        self._http = http
        self._budget = ErrorBudget(redis, name, reserve_seconds)
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def fetch(self, media_id: str) -> MediaFile:
        """A candidate's file. Raises MediaGone, MediaTooLarge, Rejected, Retry, Halted; never tries twice."""
        if not _MEDIA_ID.fullmatch(media_id):
            raise MediaGone("not a media id")
        await self._budget.check(media_id)
        async with self._slots:
            try:
                described = await self._describe(media_id)
                content = await self._download(described)
            except MediaTooLarge:
                await self._budget.block(media_id, "too_large", GONE_SECONDS)
                raise
            except Rejected:
                await self._budget.block(media_id, "gone", GONE_SECONDS)
                raise
            except (Retry, Halted) as error:
                if error.kind != "network":  # nobody answered: nothing was counted either
                    await self._budget.block(media_id, "later", LATER_SECONDS)
                raise
        digest = hashlib.sha256(content).hexdigest()
        if not _same_digest(described.sha256, digest):
            await self._budget.block(media_id, "later", LATER_SECONDS)
            raise Retry("the file arrived damaged", retry_after=LATER_SECONDS, kind="media")
        return MediaFile(content=content, mime=described.mime_type, sha256=digest)

    async def _describe(self, media_id: str) -> Described:
        """The id's link and size."""
        content = await self._get(self._http.build_request("GET", f"/{media_id}"), limit=MEGABYTE)
        try:
            described = msgspec.json.decode(content, type=Described)
        except msgspec.MsgspecError:
            raise Retry("360Dialog described the file in an unknown way", kind="media") from None
        if described.file_size > cap_of(described.mime_type):
            raise MediaTooLarge("too large")
        return described

    async def _download(self, described: Described) -> bytes:
        request = self._http.build_request("GET", self._on_our_host(described.url))
        try:
            async with asyncio.timeout(_DOWNLOAD_SECONDS):
                return await self._get(request, limit=cap_of(described.mime_type))
        except TimeoutError:
            raise Retry("the file came too slowly", kind="network") from None
        except MediaGone as refused:  # the id was known a moment ago: its link failed, not the file
            raise Retry("the file's link was refused", code=refused.code, kind="media") from None

    def _on_our_host(self, link: str) -> httpx.URL:
        """The link with 360Dialog's host in the place of Meta's: the key must reach nobody else."""
        base = self._http.base_url
        try:
            url = httpx.URL(link)
        except httpx.InvalidURL:
            raise Rejected("the file's link is not a URL", kind="media") from None
        if url.host not in {_META_HOST, base.host} or url.userinfo:
            raise Rejected("the file's link names an unknown host", kind="media")
        return base.copy_with(raw_path=url.raw_path)

    async def _get(self, request: httpx.Request, *, limit: int) -> bytes:
        """One call, its body up to `limit` bytes. Raises SendError."""
        request.headers["accept-encoding"] = "identity"
        token = await self._budget.reserve()
        error_reply = False
        try:
            response = await self._http.send(request, stream=True, follow_redirects=False)
            error_reply = response.status_code != 200
            try:
                content = await read_limited(response, MEGABYTE if error_reply else limit)
            finally:
                await response.aclose()
        except httpx.HTTPError:
            raise Retry("360Dialog cannot be reached", kind="network") from None
        finally:
            if not error_reply:
                await self._budget.release(token)
        if not error_reply:
            return content
        if response.status_code == 403:
            await self._budget.close()
            raise Retry("360Dialog has closed media requests", retry_after=CLOSED_SECONDS, kind="throttled")
        raise _refusal(response.status_code, content)

    async def upload(self, content: bytes, mime: str, filename: str = "file") -> str:
        """A media id (lives 30 days) for a file that WhatsApp takes. Raises MediaTooLarge, SendError.

        A repeat does no harm: an id that no message names is forgotten by the vendor.
        """
        form = media_form(mime)
        if len(content) > form.cap:
            raise MediaTooLarge(
                f"The file is too large: WhatsApp takes {form.kind} files up to {form.cap // MEGABYTE} MB"
            )
        try:
            response = await self._http.post(
                "/media",
                data={"messaging_product": "whatsapp", "type": form.mime},
                files={"file": (filename, content, form.mime)},
                timeout=_DOWNLOAD_SECONDS,
            )
        except httpx.HTTPError:
            raise Retry("360Dialog cannot be reached", kind="network") from None
        if response.status_code != 200:
            raise _refusal(response.status_code, response.content)
        try:
            media_id = msgspec.json.decode(response.content, type=Uploaded).id
        except msgspec.MsgspecError:
            raise Retry("360Dialog answered without a media id", kind="media") from None
        return media_id


class Uploaded(msgspec.Struct):
    """360Dialog's answer to `POST /media`."""

    id: str


async def read_limited(response: httpx.Response, limit: int) -> bytes:
    """The body of a streamed response; stops reading above `limit` bytes with MediaTooLarge."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > limit:
            raise MediaTooLarge("too large")
        parts.append(part)
    return b"".join(parts)


def _refusal(status: int, content: bytes) -> SendError:
    """A reading or an upload is never ambiguous: repeating it does nothing twice."""
    error = refusal(status, content)
    if isinstance(error, Ambiguous):
        return Retry("vendor error", code=error.code)
    if isinstance(error, Rejected):
        return MediaGone("refused", code=error.code)
    return error


def _same_digest(claimed: str, digest: str) -> bool:
    """`claimed` is the vendor's SHA-256 in hex or base64; anything else claims nothing."""
    if len(claimed) == 2 * _SHA256_BYTES:
        return claimed.lower() == digest
    try:
        raw = base64.b64decode(claimed, validate=True)
    except (binascii.Error, ValueError):
        return True
    return len(raw) != _SHA256_BYTES or raw.hex() == digest
