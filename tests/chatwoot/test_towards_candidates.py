"""What a recruiter writes reaches the candidate, or the recruiter learns why not."""

import base64
import io
import time
from collections.abc import Callable

import av
import pytest
from PIL import Image

from app.channels.media_types import DOCUMENT_CAP
from app.database.conversations import Owner
from app.database.outbox import State
from app.engine.thinking import remarks
from app.local.chatwoot_state import Message
from tests.chatwoot.interleaving_world import until_idle
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.stack import Phone, Stack, until_true
from tests.media import recordings

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


async def met(desk: Stack) -> tuple[Phone, int]:
    """A candidate who has been answered once, and their conversation in Chatwoot."""
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    return phone, (await in_chatwoot(desk, phone)).chatwoot.conversation_id


async def until_noted(desk: Stack, conversation: int, words: str, seconds: float = 15) -> Message:
    """Wait for a private note that holds `words`."""
    found: list[Message] = []

    async def noted() -> bool:
        notes = [each for each in desk.shown_in_chatwoot(conversation) if each.private]
        found[:] = [each for each in notes if words in (each.content or "")]
        return bool(found)

    await until_true(noted, what=f"a note with {words!r}", seconds=seconds)
    return found[0]


async def until_message(desk: Stack, message_id: int, condition: Callable[[Message], bool], what: str) -> None:
    async def holds() -> bool:
        return condition(desk.chatwoot.store.state.messages[message_id])

    await until_true(holds, what=what)


async def test_a_message_whose_webhook_is_overtaken_still_goes_first(desk: Stack) -> None:
    phone, conversation = await met(desk)
    first, second = f"first to {phone.number}", f"second to {phone.number}"
    order = {"on": "WEBHOOK inbox:message_created", "match": first, "action": "delay", "seconds": 3}
    await desk.chatwoot_http.post("/_twin/faults", json=order)
    await desk.recruiter(conversation, content=first)
    await desk.recruiter(conversation, content=second)
    began = time.monotonic()
    replies = await phone.until(lambda all_: any(each["text"] == second for each in all_), "the second message")
    assert time.monotonic() - began < 3, "it waited for the webhook"
    await desk.chatwoot_http.get("/_twin/idle")  # the late webhook has come, too
    await until_idle(desk, phone)
    replies = await phone.replies()
    assert [each["text"] for each in replies if phone.number in each["text"]] == [first, second]


async def test_delivered_and_read_are_shown_on_the_assistants_message(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await desk.whatsapp_http.post(f"/_twin/candidates/{phone.number}/read", json={})
    (ours,) = [each for each in desk.shown_in_chatwoot(conversation) if each.message_type == "outgoing"]
    await until_message(desk, ours.id, lambda each: each.status == "read", "the message to be shown as read")


async def test_a_message_that_whatsapp_refuses_is_marked_and_explained(desk: Stack) -> None:
    phone, conversation = await met(desk)
    fault = {"on": "POST /messages", "match": f'"to":"+{phone.number}"', "action": "respond", "code": 131026}
    await desk.whatsapp_http.post("/_twin/faults", json={**fault, "status": 400})
    said = await desk.recruiter(conversation, content="Can you call me?")
    note = await until_noted(desk, conversation, "WhatsApp cannot reach this number")
    assert note.content_attributes["in_reply_to"] == said["id"]
    await until_message(desk, said["id"], lambda each: each.status == "failed", "the message to be marked failed")
    assert "cannot reach" in desk.chatwoot.store.state.messages[said["id"]].content_attributes["external_error"]


async def test_a_pdf_reaches_the_candidate_with_its_text(desk: Stack) -> None:
    phone, conversation = await met(desk)
    file = {
        "filename": "contract.pdf",
        "mime_type": "application/pdf",
        "content_base64": base64.b64encode(PDF).decode(),
    }
    await desk.recruiter(conversation, content="Your **contract**", attachments=[file])
    replies = await phone.until(lambda all_: any(each["type"] == "document" for each in all_), "the document")
    assert replies[-1]["text"] == "Your *contract*"


async def test_a_text_longer_than_a_message_arrives_in_several(desk: Stack) -> None:
    phone, conversation = await met(desk)
    paragraphs = ["a" * 2500, "b" * 2500]
    await desk.recruiter(conversation, content="\n\n".join(paragraphs))
    replies = await phone.until(lambda all_: len(all_) > 2, "both parts")
    assert [each["text"] for each in replies[-2:]] == paragraphs


async def test_a_file_that_whatsapp_does_not_take_is_named_in_a_note(desk: Stack) -> None:
    _, conversation = await met(desk)
    file = {"filename": "a.zip", "mime_type": "application/zip", "content_base64": base64.b64encode(b"PK").decode()}
    said = await desk.recruiter(conversation, attachments=[file])
    note = await until_noted(desk, conversation, "WhatsApp does not take files of type application/zip")
    assert "pictures (JPEG, PNG) up to 5 MB" in (note.content or "")
    await until_message(desk, said["id"], lambda each: each.status == "failed", "the message to be marked failed")


async def test_quotes_travel_both_ways(desk: Stack) -> None:
    phone, conversation = await met(desk)
    asked = desk.shown_in_chatwoot(conversation)[0]
    await desk.recruiter(conversation, content="About this:", in_reply_to=asked.id)
    replies = await phone.until(lambda all_: any("About this" in each["text"] for each in all_), "the quote")
    shown = (await phone.screen())["messages"]
    first = next(each for each in shown if each["from"] != "business")
    assert replies[-1]["reply_to"] == first["id"]


async def test_a_deleted_message_that_has_gone_is_said_to_have_gone(desk: Stack) -> None:
    phone, conversation = await met(desk)
    said = await desk.recruiter(conversation, content="Wrong person, sorry")
    await phone.until(lambda all_: any("Wrong person" in each["text"] for each in all_), "the message")
    await desk.chatwoot_http.delete(f"/_twin/conversations/{conversation}/messages/{said['id']}")
    await until_noted(desk, conversation, "had already reached WhatsApp")


async def test_surveys_and_rules_reach_nobody_and_pause_nobody(desk: Stack) -> None:
    phone, conversation = await met(desk)
    for author in ("automation", "csat", "captain"):
        await desk.recruiter(conversation, content=f"from {author}", author=author)
    await phone.exchange("I can drive a truck")
    assert not [each for each in await phone.replies() if "from " in each["text"]]
    assert (await phone.view()).owner is Owner.ASSISTANT


@pytest.mark.parametrize("params", [{"1": "Anna"}, {"body": {"1": "Anna"}}])
async def test_a_template_of_the_composer_is_sent_as_a_template(desk: Stack, params: dict[str, object]) -> None:
    phone, conversation = await met(desk)
    chosen = {"name": "conversation_follow_up", "language": "en", "category": "UTILITY", "processed_params": params}
    await desk.recruiter(conversation, content="Hello Anna", template_params=chosen)
    await phone.until(
        lambda all_: any("Hello Anna, we have an answer" in each["text"] for each in all_), "the template"
    )


async def test_a_template_with_a_picture_and_a_link_is_sent_as_the_composer_fills_it(desk: Stack) -> None:
    parts = [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Dear {{name}}, your shift is planned"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Look", "url": "https://example.nl/{{1}}"}]},
    ]
    planned = {"name": "planned", "language": "en", "category": "UTILITY", "components": parts}
    known = (await desk.whatsapp_http.get("/_twin/templates")).json()
    await desk.whatsapp_http.put("/_twin/templates", json=[*known, {**planned, "status": "APPROVED"}])
    phone, conversation = await met(desk)
    values = {
        "header": {"media_url": "https://example.nl/plan.jpg", "media_type": "image"},
        "body": {"name": "Anna"},
        "buttons": [{"type": "url", "parameter": "week-7"}],
    }
    chosen = {"name": "planned", "language": "en", "processed_params": values}
    await desk.recruiter(conversation, content="Dear Anna, your shift is planned", template_params=chosen)
    replies = await phone.until(lambda all_: any("Dear Anna" in each["text"] for each in all_), "the template")
    assert replies[-1]["options"][0]["url"] == "https://example.nl/week-7"
    await desk.whatsapp_http.put("/_twin/templates", json=known)


async def test_a_message_of_which_a_part_failed_is_not_shown_as_delivered(desk: Stack) -> None:
    phone, conversation = await met(desk)
    file = {"filename": "a.zip", "mime_type": "application/zip", "content_base64": base64.b64encode(b"PK").decode()}
    said = await desk.recruiter(conversation, content="Here is your contract", attachments=[file])
    await phone.until(lambda all_: any("Here is your contract" in each["text"] for each in all_), "the text")
    await desk.whatsapp_http.post(f"/_twin/candidates/{phone.number}/read", json={})

    async def all_shown() -> bool:
        rows = [row for row in (await phone.view()).outbox if row.body.get("chatwoot_message_id") == said["id"]]
        unshown = {each.id for each in await desk.record.desk.unshown()}
        return {row.state for row in rows} == {State.READ, State.FAILED} and not unshown & {row.id for row in rows}

    await until_true(all_shown, what="the fate of both parts to be shown")
    shown = desk.chatwoot.store.state.messages[said["id"]]
    assert shown.status == "failed"


async def test_what_the_assistant_no_longer_sent_is_not_shown_as_said(desk: Stack) -> None:
    phone, conversation = await met(desk)
    fault = {"on": "POST /messages", "match": f'"to":"+{phone.number}"', "action": "respond", "status": 500}
    await desk.whatsapp_http.post("/_twin/faults", json=[{**fault, "code": 131000}] * 3)
    await phone.say("I am a driver")

    def assistants() -> list[Message]:
        return [each for each in desk.shown_in_chatwoot(conversation) if each.message_type == "outgoing"]

    async def mirrored() -> bool:
        return len([each for each in assistants() if not each.private]) == 2

    await until_true(mirrored, what="the answer to be in Chatwoot before it is in WhatsApp")
    answer = [each for each in assistants() if not each.private][1]
    await desk.recruiter(conversation, content="Rosa here")
    replies = await phone.until(lambda all_: any("Rosa here" in each["text"] for each in all_), "Rosa's message")
    await until_message(desk, answer.id, lambda each: each.status == "failed", "the answer to be marked as not sent")
    assert "not sent" in desk.chatwoot.store.state.messages[answer.id].content_attributes["external_error"]
    assert [each["text"] for each in replies[1:]] == ["Rosa here"]


async def arrived(desk: Stack, phone: Phone, kind: str) -> tuple[str, bytes]:
    """The type and content of the file that the phone shows."""
    replies = await phone.until(lambda all_: any(each["type"] == kind for each in all_), f"the {kind}", seconds=30)
    [file] = [each["file"] for each in replies if each["type"] == kind]
    stored = await desk.whatsapp_http.get(f"/_twin/media/{file['media_id']}")
    return file["mime_type"], stored.content


def attached(content: bytes, mime: str, filename: str = "from Rosa") -> dict[str, str]:
    return {"filename": filename, "mime_type": mime, "content_base64": base64.b64encode(content).decode()}


async def test_a_picture_of_another_type_arrives_as_one_that_phones_show(desk: Stack) -> None:
    phone, conversation = await met(desk)
    webp = recordings.picture("WEBP", exif=recordings.placed())
    await desk.recruiter(conversation, content="The office", attachments=[attached(webp, "image/webp")])
    mime, content = await arrived(desk, phone, "image")
    image = Image.open(io.BytesIO(content))
    assert (mime, image.format, image.size) == ("image/jpeg", "JPEG", (80, 120))
    assert "The office" in [each["text"] for each in await phone.replies()]


async def test_a_recorded_voice_arrives_as_a_voice_message(desk: Stack) -> None:
    phone, conversation = await met(desk)
    webm = recordings.recorded("webm", sound="libopus")
    await desk.recruiter(conversation, attachments=[attached(webm, "audio/webm")])
    mime, content = await arrived(desk, phone, "audio")
    with av.open(io.BytesIO(content), "r") as heard:
        frame = next(heard.decode(audio=0))
    assert (mime, heard.format.name, frame.layout.name) == ("audio/ogg", "ogg", "mono")
    # Told to the assistant when it goes on.
    said = [(line.author, line.text) for line in reversed((await phone.view()).transcript)]
    assert remarks(said)[0].endswith(": “[audio]”")


async def test_a_recorded_film_arrives_as_mp4(desk: Stack) -> None:
    phone, conversation = await met(desk)
    webm = recordings.recorded("webm", film="libvpx", sound="libopus")
    await desk.recruiter(conversation, attachments=[attached(webm, "video/webm")])
    mime, content = await arrived(desk, phone, "video")
    with av.open(io.BytesIO(content), "r") as film:
        assert [each.codec_context.name for each in film.streams] == ["h264", "aac"]
    assert mime == "video/mp4"


@pytest.mark.parametrize(
    ("content", "mime", "words"),
    [
        (b"RIFF    WEBP and nothing", "image/webp", "The picture is damaged"),
        (b"no sound", "audio/wav", "The recording is damaged"),
        (recordings.written(Image.new("L", (20_000, 20_000)), "GIF"), "image/gif", "too large to be converted"),
        (bytes(DOCUMENT_CAP + 1), "application/pdf", "larger than 40 MB"),
    ],
)
async def test_a_file_that_cannot_be_converted_is_explained(desk: Stack, content: bytes, mime: str, words: str) -> None:
    _, conversation = await met(desk)
    said = await desk.recruiter(conversation, attachments=[attached(content, mime)])
    note = await until_noted(desk, conversation, words, seconds=30)
    assert "WhatsApp takes pictures (JPEG, PNG) up to 5 MB" in (note.content or "")
    await until_message(desk, said["id"], lambda each: each.status == "failed", "the message to be marked failed")
