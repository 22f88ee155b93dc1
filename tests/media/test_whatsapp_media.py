"""Files through 360Dialog: where the key goes, what an error costs, and what a candidate's phone shows."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.channels.errors import Halted, Rejected, Retry, SendError
from app.channels.media import MediaGone, MediaTooLarge, WhatsAppMedia
from app.channels.media_types import CAPS, MediaForm, cap_of, fits_caption, media_body, media_form
from app.channels.whatsapp import Recipient, WhatsApp
from app.local.sample_files import ogg_silence, pdf, png
from tests.fixtures.twins import CANDIDATE_PHONE, D360_KEY, Json, WhatsAppRun, serve


@dataclass
class Client:
    """A process's media client; `calls` are the requests it made."""

    media: WhatsAppMedia
    http: httpx.AsyncClient
    calls: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def client(url: str, redis: Redis, *, name: str, reserve_seconds: float = 0.2) -> AsyncIterator[Client]:
    calls: list[str] = []

    async def count(request: httpx.Request) -> None:
        calls.append(f"{request.method} {request.url.path}")

    headers = {"D360-API-KEY": D360_KEY}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=5, trust_env=False, event_hooks={"request": [count]}
    ) as http:
        yield Client(WhatsAppMedia(http, redis, name=name, reserve_seconds=reserve_seconds), http, calls)


@pytest.fixture
async def name(redis: Redis) -> AsyncIterator[str]:
    """A number's name of this test's own; every key under it must live for a limited time."""
    chosen = f"test-{secrets.token_hex(6)}"
    yield chosen
    async for key in redis.scan_iter(match=f"media:{{{chosen}}}*"):
        assert await redis.ttl(key) > 0
        await redis.delete(key)


@pytest.fixture
async def desk(whatsapp: WhatsAppRun, redis: Redis, name: str) -> AsyncIterator[Client]:
    await whatsapp.candidate()
    async with client(whatsapp.url, redis, name=name) as made:
        yield made


async def sent(whatsapp: WhatsAppRun, content: bytes, mime: str, *, kind: str = "document") -> str:
    """A candidate sends a file; returns its media id as the webhook names it."""
    await whatsapp.say(type=kind, mime_type=mime, content_base64=base64.b64encode(content).decode(), filename="cv")
    await whatsapp.quiet()
    message = whatsapp.hooks.items("messages")[-1]
    media: Json = message[message["type"]]
    return str(media["id"])


async def test_a_candidates_file_arrives_whole(whatsapp: WhatsAppRun, desk: Client) -> None:
    content = pdf("Anna Kok, nurse")
    file = await desk.media.fetch(await sent(whatsapp, content, "application/pdf"))
    assert (file.content, file.mime) == (content, "application/pdf")
    assert file.sha256 == hashlib.sha256(content).hexdigest()


async def test_a_voice_message_arrives_with_its_type(whatsapp: WhatsAppRun, desk: Client) -> None:
    await whatsapp.say(type="voice")
    await whatsapp.quiet()
    file = await desk.media.fetch(str(whatsapp.hooks.items("messages")[-1]["audio"]["id"]))
    assert (file.content, file.mime) == (ogg_silence(), "audio/ogg; codecs=opus")


@dataclass
class Stranger:
    """A host that must never be called."""

    url: str = ""
    calls: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        async def note(request: Request) -> Response:
            self.calls.append(dict(request.headers))
            return Response(b"stolen")

        return Starlette(routes=[Route("/{path:path}", note)])


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    made = Stranger()
    async with serve(made.app()) as url:
        made.url = url.replace("127.0.0.1", "localhost")
        yield made


async def test_the_key_goes_to_no_other_host(whatsapp: WhatsAppRun, desk: Client, stranger: Stranger) -> None:
    for link in (
        f"{stranger.url}/whatsapp_business/attachments/?mid=1",
        f"http://lookaside.fbsbx.com@{stranger.url.removeprefix('http://')}/x",
        f"{stranger.url}/lookaside.fbsbx.com/",
        "//[",
        "",
    ):
        media_id = await sent(whatsapp, png(), "image/png", kind="image")
        body = {"url": link, "mime_type": "image/png"}
        await whatsapp.control(
            "POST", "/_twin/faults", {"on": f"GET /{media_id}", "action": "respond", "status": 200, "body": body}
        )
        with pytest.raises(Rejected):
            await desk.media.fetch(media_id)
    assert stranger.calls == []


async def test_a_link_on_metas_host_is_asked_of_360dialog(whatsapp: WhatsAppRun, desk: Client) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    described = (await whatsapp.http.get(f"/{media_id}")).json()
    assert described["url"].startswith("https://lookaside.fbsbx.com/")
    await desk.media.fetch(media_id)
    assert desk.calls == [f"GET /{media_id}", "GET /whatsapp_business/attachments/"]


async def test_a_redirect_of_the_file_is_not_followed(whatsapp: WhatsAppRun, desk: Client, stranger: Stranger) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    fault = {"action": "respond", "status": 302, "headers": {"location": stranger.url}}
    await whatsapp.control("POST", "/_twin/faults", {"on": "GET /whatsapp_business/attachments/", **fault})
    with pytest.raises(SendError):
        await desk.media.fetch(media_id)
    assert stranger.calls == []


async def test_a_file_that_is_gone_is_asked_for_once(whatsapp: WhatsAppRun, desk: Client) -> None:
    for _ in range(5):
        with pytest.raises(MediaGone):
            await desk.media.fetch("123456789")
    assert desk.calls == ["GET /123456789"]


async def test_what_one_process_learned_about_a_file_the_others_know(
    whatsapp: WhatsAppRun, desk: Client, redis: Redis, name: str
) -> None:
    with pytest.raises(MediaGone):
        await desk.media.fetch("123456789")
    async with client(whatsapp.url, redis, name=name) as other:
        with pytest.raises(MediaGone):
            await other.media.fetch("123456789")
        assert other.calls == []


async def test_errors_of_all_processes_stay_below_the_vendors_limit(
    whatsapp: WhatsAppRun, desk: Client, redis: Redis, name: str
) -> None:
    """20 error replies an hour would close the route for everybody."""
    good = await sent(whatsapp, png(), "image/png", kind="image")
    async with client(whatsapp.url, redis, name=name) as other:
        tries = [(each, str(1000 + number)) for number in range(30) for each in (desk, other)]
        ended = await asyncio.gather(
            *(each.media.fetch(f"9{media_id}{index}") for index, (each, media_id) in enumerate(tries)),
            return_exceptions=True,
        )
        assert {type(error) for error in ended} == {MediaGone, Retry}
        replies = sum(isinstance(error, MediaGone) for error in ended)
        assert replies == len(desk.calls) + len(other.calls) == 15
        with pytest.raises(Retry, match="too many media errors"):
            await desk.media.fetch(good)
    assert (await whatsapp.http.get(f"/{good}")).status_code == 200  # the vendor has closed nothing


async def test_successful_files_cost_nothing_of_the_budget(whatsapp: WhatsAppRun, desk: Client) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    files = await asyncio.gather(*(desk.media.fetch(media_id) for _ in range(40)))
    assert {file.content for file in files} == {png()}


async def test_a_closed_route_is_left_alone(whatsapp: WhatsAppRun, desk: Client) -> None:
    good = await sent(whatsapp, png(), "image/png", kind="image")
    await whatsapp.control("POST", "/_twin/faults", {"on": "GET /777", "action": "respond", "status": 403, "body": {}})
    with pytest.raises(Retry) as closed:
        await desk.media.fetch("777")
    assert closed.value.retry_after == 1800
    with pytest.raises(Retry) as again:
        await desk.media.fetch(good)
    assert 0 < again.value.retry_after <= 1800
    assert desk.calls == ["GET /777"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_vendors_trouble_is_not_answered_by_a_hot_retry(
    whatsapp: WhatsAppRun, desk: Client, status: int
) -> None:
    good = await sent(whatsapp, png(), "image/png", kind="image")
    fault = {"on": f"GET /{good}", "action": "respond", "status": status, "body": "busy"}
    await whatsapp.control("POST", "/_twin/faults", fault)
    with pytest.raises(Retry):
        await desk.media.fetch(good)
    with pytest.raises(Retry) as later:
        await desk.media.fetch(good)
    assert 0 < later.value.retry_after <= 300
    assert len(desk.calls) == 1


async def test_a_refused_key_is_the_accounts_trouble_and_not_the_files(
    whatsapp: WhatsAppRun, desk: Client, redis: Redis, name: str
) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    desk.http.headers["D360-API-KEY"] = "old"
    with pytest.raises(Halted):
        await desk.media.fetch(media_id)
    desk.http.headers["D360-API-KEY"] = D360_KEY
    assert 0 < await redis.ttl(f"media:{{{name}}}:blocked:{media_id}") <= 300


@pytest.mark.parametrize("action", ["drop", "accept_then_drop"])
async def test_a_broken_connection_may_be_tried_again_at_once(whatsapp: WhatsAppRun, desk: Client, action: str) -> None:
    good = await sent(whatsapp, png(), "image/png", kind="image")
    for path in (f"GET /{good}", "GET /whatsapp_business/attachments/"):
        await whatsapp.control("POST", "/_twin/faults", {"on": path, "action": action})
        with pytest.raises(Retry) as lost:
            await desk.media.fetch(good)
        assert lost.value.kind == "network"
    assert (await desk.media.fetch(good)).content == png()


async def test_an_expired_file_is_gone(whatsapp: WhatsAppRun, desk: Client) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    await whatsapp.control("POST", "/_twin/clock", {"advance": 8 * 86400})
    with pytest.raises(MediaGone):
        await desk.media.fetch(media_id)


async def test_a_link_that_fails_does_not_condemn_the_file(
    whatsapp: WhatsAppRun, desk: Client, redis: Redis, name: str
) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    fault = {"on": "GET /whatsapp_business/attachments/", "action": "respond", "status": 404, "body": "Not Found"}
    await whatsapp.control("POST", "/_twin/faults", fault)
    with pytest.raises(Retry):
        await desk.media.fetch(media_id)
    await redis.delete(f"media:{{{name}}}:blocked:{media_id}")  # five minutes later
    assert (await desk.media.fetch(media_id)).content == png()


async def test_a_damaged_file_is_not_used(whatsapp: WhatsAppRun, desk: Client) -> None:
    media_id = await sent(whatsapp, png(), "image/png", kind="image")
    fault = {"on": "GET /whatsapp_business/attachments/", "action": "respond", "status": 200, "body": "not the picture"}
    await whatsapp.control("POST", "/_twin/faults", fault)
    with pytest.raises(Retry, match="damaged"):
        await desk.media.fetch(media_id)


@pytest.mark.parametrize("media_id", ["", "../messages", "1/2", "1?x=y", "1%2f2", "a" * 200, "１２３"])
async def test_what_is_no_media_id_is_never_asked_for(desk: Client, media_id: str) -> None:
    with pytest.raises(MediaGone):
        await desk.media.fetch(media_id)
    assert desk.calls == []


async def test_a_file_said_to_be_too_large_is_not_fetched(whatsapp: WhatsAppRun, desk: Client) -> None:
    media_id = await sent(whatsapp, png() + bytes(5 * 1024 * 1024), "image/png", kind="image")
    for _ in range(2):
        with pytest.raises(MediaTooLarge):
            await desk.media.fetch(media_id)
    assert desk.calls == [f"GET /{media_id}"]


async def test_a_file_larger_than_it_claims_is_cut_off_while_it_streams(redis: Redis, name: str) -> None:
    streamed = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal streamed
        while True:
            streamed += 65_536
            yield bytes(65_536)
            await asyncio.sleep(0)

    async def describe(_: Request) -> Response:
        link = "https://lookaside.fbsbx.com/file"
        return Response(f'{{"url": "{link}", "mime_type": "image/png", "file_size": 10}}'.encode())

    async def file(_: Request) -> Response:
        return StreamingResponse(endless())

    async with (
        serve(Starlette(routes=[Route("/file", file), Route("/{media_id}", describe)])) as url,
        client(url, redis, name=name) as desk,
    ):
        with pytest.raises(MediaTooLarge):
            await desk.media.fetch("1")
    assert streamed < 12 * 1024 * 1024  # 5 MB and what lay in buffers


async def test_a_recruiters_file_reaches_the_candidates_phone(whatsapp: WhatsAppRun, desk: Client) -> None:
    await whatsapp.say(type="text", text="hello")
    media_id = await desk.media.upload(pdf("Contract"), "application/pdf", "contract.pdf")
    body = media_body(media_id, "application/pdf", filename="contract.pdf", caption="Please sign")
    await WhatsApp(desk.http).send(Recipient(wa_id=CANDIDATE_PHONE), body, "row-1")
    await whatsapp.quiet()
    shown = (await whatsapp.screen())["messages"][-1]
    assert shown["text"] == "Please sign"
    assert shown["file"]["filename"] == "contract.pdf"
    stored = await whatsapp.http.get(f"/_twin/media/{media_id}")
    assert stored.content == pdf("Contract")


@pytest.mark.parametrize(
    ("mime", "kind"),
    [
        ("audio/mp3", "audio"),
        ("audio/ogg; codecs=opus", "audio"),
        ("image/jpg", "image"),
        ("text/csv", "document"),
        ("VIDEO/MP4", "video"),
    ],
)
async def test_types_that_whatsapp_knows_by_another_name_are_renamed(
    whatsapp: WhatsAppRun, desk: Client, mime: str, kind: str
) -> None:
    media_id = await desk.media.upload(b"content", mime, "file")
    assert media_body(media_id, mime)["type"] == kind


@pytest.mark.parametrize(
    "mime", ["application/zip", "image/gif", "image/webp", "video/quicktime", "", "x" * 300, "a/<b>"]
)
async def test_types_that_whatsapp_does_not_take_are_named_before_anything_is_sent(desk: Client, mime: str) -> None:
    with pytest.raises(Rejected, match="WhatsApp does not take files of type"):
        await desk.media.upload(b"content", mime, "file")
    assert desk.calls == []


async def test_a_file_above_the_limit_is_refused_with_the_limit(desk: Client) -> None:
    with pytest.raises(MediaTooLarge, match="image files up to 5 MB"):
        await desk.media.upload(bytes(5 * 1024 * 1024 + 1), "image/png", "photo.png")
    assert desk.calls == []


@pytest.mark.parametrize("status", [500, 502, 429])
async def test_an_upload_that_failed_may_be_repeated(whatsapp: WhatsAppRun, desk: Client, status: int) -> None:
    await whatsapp.control(
        "POST", "/_twin/faults", {"on": "POST /media", "action": "respond", "status": status, "body": "busy"}
    )
    with pytest.raises(Retry):
        await desk.media.upload(png(), "image/png")
    assert await desk.media.upload(png(), "image/png")


@given(st.text(max_size=60))
def test_any_type_is_taken_with_a_limit_or_refused_by_name(mime: str) -> None:
    assert cap_of(mime) in set(CAPS.values())
    if (form := form_or_title(mime)) and isinstance(form, MediaForm):
        assert form.cap == CAPS[form.kind]
        assert fits_caption(mime, "a") == (form.kind != "audio")
    else:
        assert "<" not in str(form)


def form_or_title(mime: str) -> MediaForm | str:
    try:
        return media_form(mime)
    except Rejected as refused:
        return refused.title
