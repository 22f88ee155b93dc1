"""Files between Chatwoot and us: a recruiter's attachment comes down, a candidate's file goes up.

An attachment's URL comes from a webhook and redirects to storage anywhere, so nothing in it is trusted: the first call
goes to Chatwoot's own host whatever the URL says, further ones only by https to public addresses that were looked up
beforehand, and no call carries a key.
"""

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote

import httpx
import orjson

from app.channels.chatwoot import refusal
from app.channels.chatwoot_inbound import MARKER
from app.channels.errors import Ambiguous, Rejected, Retry
from app.channels.markup import without_liquid
from app.channels.media import MediaFile, MediaTooLarge, read_limited
from app.channels.media_types import ACCEPTED, DOCUMENT_CAP, MEGABYTE
from app.recruiting.events import RecruiterAttachment

_BLOBS = "/rails/active_storage/"
_MOST_HOPS = 4
_DOWNLOAD_SECONDS = 60.0
# Storage answers 404 until the upload is through (chatwoot issue 12605); Chatwoot itself waits 2 s before it sends.
LAG_SECONDS = (0.5, 1.0, 2.0, 4.0)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]


class UnsafeLink(Rejected):
    """The link leads where nothing of ours may go."""

    kind = "media"


class _NotYet(Exception):
    """404: the upload lags behind the event."""


async def system_resolve(host: str, port: int) -> list[str]:
    """IP addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class ChatwootFiles:
    """Downloads. `http` is a plain client: no key, no base URL, no redirects of its own, no proxy from the environment.

    `storage_networks` = private networks where the operator keeps Chatwoot's storage.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        *,
        storage_networks: Sequence[Network] = (),
        lag_seconds: Sequence[float] = LAG_SECONDS,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._http = http
        self._base = httpx.URL(base_url)
        self._networks = tuple(storage_networks)
        self._lag = tuple(lag_seconds)
        self._resolve = resolve

    async def download(self, attachment: RecruiterAttachment) -> MediaFile:
        """Raises UnsafeLink, MediaTooLarge, Rejected, or Retry when the file is not there after some seconds."""
        link, start = self._first(attachment.url)
        for wait in (*self._lag, None):
            try:
                async with asyncio.timeout(_DOWNLOAD_SECONDS):
                    response_mime, content = await self._follow(start, link)
                break
            except _NotYet:
                if wait is None:
                    raise Retry("the attachment is not stored yet", retry_after=30.0, kind="media") from None
                await asyncio.sleep(wait)
            except TimeoutError:
                raise Retry("the attachment came too slowly", kind="network") from None
        return MediaFile(
            content=content,
            mime=attachment.mime_type or response_mime,
            sha256=hashlib.sha256(content).hexdigest(),
            filename=unquote(start.path.rpartition("/")[2]).replace("/", "_"),
        )

    def _first(self, link: str) -> tuple[httpx.URL, httpx.URL]:
        """The link as it came, and where it is asked for: on the host by which we reach Chatwoot."""
        try:
            url = httpx.URL(link)
        except httpx.InvalidURL:
            raise UnsafeLink("the attachment's link is not a URL") from None
        if not _is_blob(url):
            raise UnsafeLink("the attachment's link is not one of Chatwoot's")
        return url, self._base.copy_with(raw_path=url.raw_path)

    async def _follow(self, url: httpx.URL, link: httpx.URL) -> tuple[str, bytes]:
        for _ in range(_MOST_HOPS):
            request = await self._request(url)
            try:
                response = await self._http.send(request, stream=True, follow_redirects=False)
                try:
                    content = await read_limited(response, DOCUMENT_CAP)
                finally:
                    await response.aclose()
            except MediaTooLarge:
                most = DOCUMENT_CAP // MEGABYTE
                raise MediaTooLarge(f"The file is larger than {most} MB, which is the most. {ACCEPTED}") from None
            except httpx.HTTPError:
                raise Retry("the attachment's storage cannot be reached", kind="network") from None
            if response.status_code == 200:
                return response.headers.get("content-type", "").partition(";")[0], content
            if not response.has_redirect_location:
                raise _refused(response.status_code)
            # Not request.url: that names the looked-up address instead of the host.
            url = url.join(response.headers["location"])
            if _origin(url) == _origin(link) and _is_blob(url):
                # Chatwoot goes by its public name, which may differ from the one we reach it by.
                url = self._base.copy_with(raw_path=url.raw_path)
        raise UnsafeLink("the attachment's link redirects too often")

    async def _request(self, url: httpx.URL) -> httpx.Request:
        """A request that can reach only Chatwoot or a public address (looked up once, so that it cannot change)."""
        headers = {"accept-encoding": "identity"}
        if _origin(url) == _origin(self._base):
            return self._http.build_request("GET", url, headers=headers)
        if url.scheme != "https" or url.userinfo or not url.host:
            raise UnsafeLink("the attachment's link leaves https")
        try:
            found = [ipaddress.ip_address(address) for address in await self._resolve(url.host, url.port or 443)]
        except (OSError, ValueError):
            raise Retry("the attachment's storage cannot be found", kind="network") from None
        if not found or not all(self._reachable(address) for address in found):
            raise UnsafeLink("the attachment's link leads into a private network")
        headers["host"] = url.netloc.decode("ascii")
        pinned = url.copy_with(host=str(found[0]))
        return self._http.build_request("GET", pinned, headers=headers, extensions={"sni_hostname": url.host})

    def _reachable(self, address: Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        if any(plain in network for network in self._networks if network.version == plain.version):
            return True
        return bool(plain.is_global and not plain.is_multicast)


def _is_blob(url: httpx.URL) -> bool:
    return url.path.startswith(_BLOBS) and ".." not in unquote(url.path).split("/")


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _refused(status: int) -> Exception:
    if status == 404:
        return _NotYet()
    if status == 429 or status >= 500:
        return Retry("the attachment's storage failed", code=status)
    return Rejected("the attachment cannot be read", code=status, kind="media")


class ChatwootUploads:
    """Writes messages that carry files. `http` is Chatwoot's client, with its token."""

    def __init__(self, http: httpx.AsyncClient, *, account_id: int) -> None:
        self._http = http
        self._root = f"/api/v1/accounts/{account_id}"

    async def say(
        self, conversation_id: int, message: dict[str, Any], outbox_id: str, files: Sequence[MediaFile], *, voice: bool
    ) -> int:
        """Create a message with files (up to 15); `message` as for Chatwoot.say. Returns its id. Raises SendError.

        `voice`: the file is a voice message (shown as one from Chatwoot 4.14.2 on).
        """
        attributes = {MARKER: outbox_id, **message.get("content_attributes", {})}
        # Multipart has text only: Chatwoot takes nested values as JSON.
        form = {name: _text(value) for name, value in message.items() if value is not None}
        form["content"] = without_liquid(str(message.get("content") or ""))
        form |= {"source_id": outbox_id, "content_attributes": _text(attributes)}
        if voice:
            form["is_voice_message"] = "true"
        parts = [("attachments[]", (file.filename or _name(file.mime), file.content, file.mime)) for file in files]
        try:
            response = await self._http.post(
                f"{self._root}/conversations/{conversation_id}/messages",
                data=form,
                files=parts,
                timeout=_DOWNLOAD_SECONDS,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Retry("Chatwoot cannot be reached", kind="network") from None
        except httpx.HTTPError:
            raise Ambiguous("Chatwoot did not answer") from None
        if not response.is_success:
            raise refusal(response)
        return int(orjson.loads(response.content)["id"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _name(mime: str) -> str:
    """WhatsApp sends pictures and voice without a file name; the ending lets the browser open them."""
    plain = mime.partition(";")[0].strip().lower()
    return _NAMES.get(plain, plain.partition("/")[0] or "file")


_NAMES = {
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/webp": "sticker.webp",
    "audio/ogg": "voice.ogg",
    "audio/mpeg": "audio.mp3",
    "audio/mp4": "audio.m4a",
    "audio/aac": "audio.aac",
    "audio/amr": "audio.amr",
    "video/mp4": "video.mp4",
    "video/3gpp": "video.3gp",
    "application/pdf": "document.pdf",
}
