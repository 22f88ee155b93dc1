"""The whole way of a file: from the candidate's phone to text with page numbers and to the recruiter's screen."""

import base64
import secrets

import httpx
from redis.asyncio import Redis

from app.agents.documents import DocumentReader
from app.channels.chatwoot_files import ChatwootFiles, ChatwootUploads
from app.channels.media import MediaFile, WhatsAppMedia
from app.channels.media_types import media_body
from app.channels.whatsapp import Recipient, WhatsApp
from app.channels.whatsapp_inbound import parse
from app.recruiting.events import CandidateSaid, RecruiterAttachment
from tests.fixtures.documents import docx, paragraph
from tests.fixtures.twins import CANDIDATE_PHONE, ChatwootRun, WhatsAppRun


async def test_a_cv_is_read_and_shown_to_the_recruiter(
    whatsapp: WhatsAppRun, chatwoot: ChatwootRun, redis: Redis
) -> None:
    await whatsapp.candidate()
    content = docx(paragraph("Anna Kok") + paragraph("Nurse in Utrecht"))
    encoded = base64.b64encode(content).decode()
    mime = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    await whatsapp.say(type="document", mime_type=mime, filename="Anna's CV.docx", content_base64=encoded)
    await whatsapp.quiet()
    arrived = parse(whatsapp.hooks.posts[-1].raw).events
    [event] = [event for _, _, event in arrived if isinstance(event, CandidateSaid)]
    announced = event.message.media
    assert announced is not None

    file = await WhatsAppMedia(whatsapp.http, redis, name=f"test-{secrets.token_hex(6)}").fetch(announced.media_id)
    document = await DocumentReader().read_document(file.content, file.mime, announced.filename)
    assert [(page.number, page.text) for page in document.pages] == [(1, "Anna Kok\nNurse in Utrecht")]

    conversation = await chatwoot.mirrored()
    shown = MediaFile(content=file.content, mime=file.mime, sha256=file.sha256, filename=announced.filename)
    uploads = ChatwootUploads(chatwoot.http, account_id=1)
    await uploads.say(conversation, {"message_type": "incoming"}, "row-1", [shown], voice=False)
    await chatwoot.quiet()
    [attached] = (await chatwoot.view(conversation))["messages"][-1]["attachments"]
    assert attached["data_url"].endswith("docx")


async def test_a_recruiters_answer_brings_a_file_to_the_phone(
    whatsapp: WhatsAppRun, chatwoot: ChatwootRun, redis: Redis
) -> None:
    await whatsapp.candidate()
    await whatsapp.say(type="text", text="Could you send me the contract?")
    conversation = await chatwoot.mirrored()
    upload = {"filename": "rates.csv", "mime_type": "text/csv", "content_base64": base64.b64encode(b"a;b").decode()}
    await chatwoot.recruiter(conversation, attachments=[upload])
    await chatwoot.quiet()
    said = chatwoot.hooks.events("message_created")[-1]["attachments"][0]
    attachment = RecruiterAttachment(
        attachment_id=said["id"], file_type=said["file_type"], url=said["data_url"], mime_type=said["content_type"]
    )
    async with httpx.AsyncClient(trust_env=False) as plain:
        file = await ChatwootFiles(plain, chatwoot.url).download(attachment)
    media = WhatsAppMedia(whatsapp.http, redis, name=f"test-{secrets.token_hex(6)}")
    media_id = await media.upload(file.content, file.mime, file.filename)
    body = media_body(media_id, file.mime, filename=file.filename)
    await WhatsApp(whatsapp.http).send(Recipient(wa_id=CANDIDATE_PHONE), body, "row-2")
    await whatsapp.quiet()
    on_screen = (await whatsapp.screen())["messages"][-1]
    assert on_screen["file"]["filename"] == "rates.csv"
    assert (await whatsapp.http.get(f"/_twin/media/{media_id}")).content == b"a;b"
