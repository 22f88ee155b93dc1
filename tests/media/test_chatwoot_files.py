"""Files between Chatwoot and us: whole, in spite of lagging uploads, and never from where they must not come."""

import asyncio
import base64
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from app.channels.chatwoot_files import ChatwootFiles, ChatwootUploads, UnsafeLink
from app.channels.chatwoot_inbound import MARKER
from app.channels.errors import Ambiguous, Halted, Rejected, Retry, SendError
from app.channels.media import MediaFile, MediaTooLarge
from app.local.sample_files import ogg_silence, pdf, png
from app.recruiting.events import RecruiterAttachment
from tests.fixtures.twins import ChatwootRun, Json, free_port, serve

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def attachment(url: str, mime: str = "application/pdf") -> RecruiterAttachment:
    return RecruiterAttachment(attachment_id=1, file_type="file", url=url, mime_type=mime)


@pytest.fixture
async def plain() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        yield http


async def recruiters_file(chatwoot: ChatwootRun, content: bytes, filename: str, mime: str) -> RecruiterAttachment:
    """A recruiter attaches a file; returns what the webhook says of it."""
    conversation = await chatwoot.mirrored()
    upload = {"filename": filename, "mime_type": mime, "content_base64": base64.b64encode(content).decode()}
    await chatwoot.recruiter(conversation, attachments=[upload])
    await chatwoot.quiet()
    said: Json = chatwoot.hooks.events("message_created")[-1]["attachments"][0]
    return attachment(said["data_url"], said["content_type"])


async def test_a_recruiters_attachment_comes_whole(chatwoot: ChatwootRun, plain: httpx.AsyncClient) -> None:
    content = pdf("Contract for Anna")
    said = await recruiters_file(chatwoot, content, "contract (1).pdf", "application/pdf")
    file = await ChatwootFiles(plain, chatwoot.url).download(said)
    assert (file.content, file.mime, file.filename) == (content, "application/pdf", "contract (1).pdf")


async def test_an_upload_that_lags_is_waited_for(chatwoot: ChatwootRun, plain: httpx.AsyncClient) -> None:
    await chatwoot.control("PATCH", "/_twin/settings", {"attachment_lag_seconds": 0.4})
    said = await recruiters_file(chatwoot, png(), "photo.png", "image/png")
    files = ChatwootFiles(plain, chatwoot.url, lag_seconds=(0.05, 0.1, 0.2, 0.4, 0.8))
    assert (await files.download(said)).content == png()


async def test_an_upload_that_never_ends_is_left_for_later(chatwoot: ChatwootRun, plain: httpx.AsyncClient) -> None:
    await chatwoot.control("PATCH", "/_twin/settings", {"attachment_lag_seconds": 60.0})
    said = await recruiters_file(chatwoot, png(), "photo.png", "image/png")
    with pytest.raises(Retry) as later:
        await ChatwootFiles(plain, chatwoot.url, lag_seconds=(0.01, 0.01)).download(said)
    assert later.value.retry_after > 0


async def test_chatwoots_public_name_is_not_needed_to_reach_it(chatwoot: ChatwootRun, plain: httpx.AsyncClient) -> None:
    """Links carry FRONTEND_URL; inside a private network Chatwoot is called something else."""
    said = await recruiters_file(chatwoot, png(), "photo.png", "image/png")
    path = httpx.URL(said.url).raw_path.decode()
    storage_is_here = ChatwootFiles(plain, chatwoot.url)
    assert (await storage_is_here.download(attachment(f"https://desk.example.test{path}"))).content == png()


@dataclass
class Fake:
    """A Chatwoot that redirects to `location`, and what was asked of it."""

    location: str = ""
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[], Response] = lambda: Response(b"content", media_type="image/png")

    def app(self) -> Starlette:
        async def note(request: Request) -> Response:
            self.asked.append((request.url.path, dict(request.headers)))
            if self.location and request.url.path.endswith("/start"):
                return RedirectResponse(self.location, 302)
            return self.answer()

        return Starlette(routes=[Route("/{path:path}", note)])

    @property
    def start(self) -> RecruiterAttachment:
        return attachment(f"{self.url}/rails/active_storage/blobs/redirect/key/start", "")


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made = Fake()
    async with serve(made.app()) as url:
        made.url = url
        yield made


HOSTS = {
    "inside.test": ["10.0.0.5"],
    "half.test": ["93.184.216.34", "192.168.1.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nothing.test": [],
}


async def resolve(host: str, _: int) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        return HOSTS[host]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:9/inside",
        "http://93.184.216.34/plain-http",
        "https://127.0.0.1/inside",
        "https://[::1]/inside",
        "https://[::ffff:10.0.0.1]/inside",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://inside.test/",
        "https://half.test/",
        "https://mapped.test/",
        "https://nothing.test/",
        "https://user:secret@93.184.216.34/",
        "file:///etc/passwd",
        "ftp://93.184.216.34/",
        "//127.0.0.1:9/inside",
    ],
)
async def test_a_redirect_into_our_own_network_is_refused(fake: Fake, plain: httpx.AsyncClient, location: str) -> None:
    fake.location = location
    files = ChatwootFiles(plain, fake.url, resolve=resolve)
    with pytest.raises(UnsafeLink):
        await files.download(fake.start)
    assert len(fake.asked) == 1


async def test_chatwoots_own_storage_is_found_under_its_public_name(fake: Fake, plain: httpx.AsyncClient) -> None:
    public = "http://desk.internal.test"
    fake.location = f"{public}/rails/active_storage/disk/ticket/photo.png"
    said = attachment(f"{public}/rails/active_storage/blobs/redirect/key/start")
    assert (await ChatwootFiles(plain, fake.url, resolve=resolve).download(said)).content == b"content"
    assert [path for path, _ in fake.asked][-1] == "/rails/active_storage/disk/ticket/photo.png"


async def test_a_redirect_that_goes_in_a_circle_ends(fake: Fake, plain: httpx.AsyncClient) -> None:
    fake.location = "/rails/active_storage/again/start"
    with pytest.raises(UnsafeLink, match="too often"):
        await ChatwootFiles(plain, fake.url).download(fake.start)
    assert len(fake.asked) == 4


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://[",
        "https://evil.test/api/v1/accounts/1/contacts",
        "http://127.0.0.1:6379/",
        "/rails/active_storage/../../api/v1/profile",
        "/rails/active_storage/%2e%2e/%2e%2e/api/v1/profile",
        "/rails/active_storagex/file",
    ],
)
async def test_a_link_that_is_not_chatwoots_storage_is_not_called(
    fake: Fake, plain: httpx.AsyncClient, link: str
) -> None:
    with pytest.raises(UnsafeLink):
        await ChatwootFiles(plain, fake.url).download(attachment(link))
    assert fake.asked == []


@pytest.mark.parametrize(("status", "error"), [(403, Rejected), (410, Rejected), (500, Retry), (429, Retry)])
async def test_what_storage_answers_decides_whether_to_come_back(
    fake: Fake, plain: httpx.AsyncClient, status: int, error: type[SendError]
) -> None:
    fake.answer = lambda: Response(status_code=status)
    with pytest.raises(error):
        await ChatwootFiles(plain, fake.url).download(fake.start)


async def test_a_file_without_end_is_cut_off(fake: Fake, plain: httpx.AsyncClient) -> None:
    streamed = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal streamed
        while True:
            streamed += 1 << 20
            yield bytes(1 << 20)
            await asyncio.sleep(0)

    fake.answer = lambda: StreamingResponse(endless())
    with pytest.raises(MediaTooLarge):
        await ChatwootFiles(plain, fake.url).download(fake.start)
    assert streamed < 60 << 20  # the limit of 40 MB and what lay in buffers


@pytest.fixture
async def tls_storage(tmp_path: Path) -> AsyncIterator[tuple[int, ssl.SSLContext, list[dict[str, str]]]]:
    """Storage by https under the name storage.test: its port, a context that trusts it, the headers it saw."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("storage.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    seen: list[dict[str, str]] = []

    async def file(request: Request) -> Response:
        seen.append(dict(request.headers))
        return Response(png(), media_type="image/png")

    listener = free_port()
    config = uvicorn.Config(
        Starlette(routes=[Route("/{path:path}", file)]),
        log_config=None,
        ws="none",
        ssl_certfile=certificate_file,
        ssl_keyfile=key_file,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    yield listener.getsockname()[1], ssl.create_default_context(cafile=str(certificate_file)), seen
    await server.shutdown(sockets=[listener])


async def test_storage_elsewhere_is_reached_by_its_checked_address_under_its_own_name(
    fake: Fake, tls_storage: tuple[int, ssl.SSLContext, list[dict[str, str]]]
) -> None:
    port, context, seen = tls_storage
    fake.location = f"https://storage.test:{port}/bucket/key?signature=1"
    lookups = 0

    async def once(host: str, _: int) -> list[str]:
        nonlocal lookups
        lookups += 1
        assert host == "storage.test"
        return ["127.0.0.1"]

    async with httpx.AsyncClient(timeout=5, trust_env=False, verify=context) as http:
        files = ChatwootFiles(http, fake.url, storage_networks=LOOPBACK, resolve=once)
        file = await files.download(fake.start)
    assert (file.content, file.mime) == (png(), "image/png")
    assert lookups == 1  # the address that was checked is the address that was called
    assert seen[0]["host"] == f"storage.test:{port}"
    assert not {"api_access_token", "authorization", "cookie"} & set(seen[0])


async def test_storage_with_another_ones_certificate_is_not_believed(
    fake: Fake, tls_storage: tuple[int, ssl.SSLContext, list[dict[str, str]]]
) -> None:
    port, context, seen = tls_storage
    fake.location = f"https://other.test:{port}/bucket/key"

    async def local(*_: object) -> list[str]:
        return ["127.0.0.1"]

    async with httpx.AsyncClient(timeout=5, trust_env=False, verify=context) as http:
        with pytest.raises(Retry):
            await ChatwootFiles(http, fake.url, storage_networks=LOOPBACK, resolve=local).download(fake.start)
    assert seen == []


def made(content: bytes, mime: str, filename: str = "") -> MediaFile:
    return MediaFile(content=content, mime=mime, sha256="", filename=filename)


async def test_a_candidates_files_are_shown_to_the_recruiter(chatwoot: ChatwootRun, plain: httpx.AsyncClient) -> None:
    conversation = await chatwoot.mirrored()
    uploads = ChatwootUploads(chatwoot.http, account_id=1)
    message = {"message_type": "incoming", "content": "My CV \u2013 see page 2", "private": False}
    files = [made(pdf("CV"), "application/pdf", "Życiorys.pdf"), made(ogg_silence(), "audio/ogg; codecs=opus")]
    message_id = await uploads.say(conversation, message, "row-7", files, voice=False)
    await chatwoot.quiet()
    [shown] = [m for m in (await chatwoot.view(conversation))["messages"] if m["id"] == message_id]
    assert shown["content"] == "My CV \u2013 see page 2"
    assert shown["content_attributes"][MARKER] == shown["source_id"] == "row-7"
    assert shown["message_type"] in {0, "incoming"}
    assert [a["data_url"].rpartition("/")[2] for a in shown["attachments"]] == ["Życiorys.pdf", "voice.ogg"]
    again = await ChatwootFiles(plain, chatwoot.url).download(attachment(shown["attachments"][0]["data_url"]))
    assert again.content == pdf("CV")


async def test_a_refused_upload_says_what_it_means(chatwoot: ChatwootRun) -> None:
    conversation = await chatwoot.mirrored()
    uploads = ChatwootUploads(chatwoot.http, account_id=1)
    faults: list[tuple[Json, type[SendError]]] = [
        ({"action": "respond", "status": 500}, Ambiguous),
        ({"action": "accept_then_drop"}, Ambiguous),
        ({"action": "respond", "status": 429}, Retry),
    ]
    for fault, error in faults:
        await chatwoot.control("POST", "/_twin/faults", {"on": "POST /api/v1/.*/messages", **fault})
        with pytest.raises(error):
            await uploads.say(conversation, {"message_type": "incoming"}, "row", [made(png(), "image/png")], voice=True)
    chatwoot.http.headers["api_access_token"] = "old"
    with pytest.raises(Halted):
        await uploads.say(conversation, {"message_type": "incoming"}, "row", [made(png(), "image/png")], voice=True)
