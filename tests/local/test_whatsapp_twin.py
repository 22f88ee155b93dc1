"""The WhatsApp twin keeps the vendor's promises and its quirks."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.local.whatsapp_webhooks import WhatsAppSettings
from tests.fixtures.twins import (
    CANDIDATE_PHONE,
    FAST,
    WhatsAppRun,
    running_whatsapp_twin,
    until,
    whatsapp_signature,
)

Json = dict[str, Any]
TEXT: Json = {"type": "text", "text": {"body": "Hello"}}


async def test_a_message_arrives_as_a_signed_webhook_with_sender_and_contact(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate(bsuid="NL.123")
    sent = await whatsapp.say(text="Hoi 👋🏽")
    await whatsapp.quiet()

    post = whatsapp.hooks.posts[0]
    assert post.headers["x-360dialog-signature"] == whatsapp_signature(post.raw)
    value = post.body["entry"][0]["changes"][0]["value"]
    assert value["metadata"]["phone_number_id"] == "106540352242922"
    assert value["contacts"] == [{"profile": {"name": "Anna"}, "wa_id": CANDIDATE_PHONE, "user_id": "NL.123"}]
    message = value["messages"][0]
    assert message["id"] == sent["id"]
    assert message["from"] == CANDIDATE_PHONE
    assert message["text"] == {"body": "Hoi 👋🏽"}
    assert CANDIDATE_PHONE.encode() in base64.b64decode(sent["id"].removeprefix("wamid."))


async def test_a_reply_reaches_the_phone_and_comes_back_as_sent_delivered_read(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    answer = await whatsapp.send(**TEXT, biz_opaque_callback_data="outbox-1")
    assert answer.status_code == 200
    wamid = answer.json()["messages"][0]["id"]
    assert answer.json()["contacts"] == [{"input": CANDIDATE_PHONE, "wa_id": CANDIDATE_PHONE}]
    await whatsapp.quiet()

    statuses = whatsapp.hooks.items("statuses")
    assert sorted(item["status"] for item in statuses) == ["delivered", "read", "sent"]
    assert {item["biz_opaque_callback_data"] for item in statuses} == {"outbox-1"}
    assert {item["id"] for item in statuses} == {wamid}
    assert all(item["recipient_id"] == CANDIDATE_PHONE for item in statuses)
    assert {item["status"] for item in statuses if "pricing" in item} == {"sent", "delivered"}
    shown = (await whatsapp.screen())["messages"][-1]
    assert (shown["from"], shown["text"], shown["status"]) == ("business", "Hello", "read")


async def test_a_wrong_key_is_refused(whatsapp: WhatsAppRun) -> None:
    answer = await whatsapp.http.post("/messages", json=TEXT, headers={"D360-API-KEY": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["meta"]["developer_message"] == "Invalid api_key"


def button(number: int, **fields: object) -> Json:
    return {"type": "reply", "reply": {"id": f"b{number}", "title": f"Button {number}", **fields}}


def buttons(*items: Json, **fields: Any) -> Json:
    interactive = {"type": "button", "body": {"text": "Choose"}, "action": {"buttons": list(items)}, **fields}
    return {"type": "interactive", "interactive": interactive}


def listing(rows: list[Json], **fields: Any) -> Json:
    sections = [{"title": "Jobs", "rows": rows}]
    interactive = {"type": "list", "body": {"text": "Pick"}, "action": {"button": "Open", "sections": sections}}
    return {"type": "interactive", "interactive": {**interactive, **fields}}


def row(number: int, **fields: object) -> Json:
    return {"id": f"r{number}", "title": f"Row {number}", **fields}


REFUSED: list[tuple[str, Json, int]] = [
    ("text too long", {"type": "text", "text": {"body": "x" * 4097}}, 100),
    ("text empty", {"type": "text", "text": {"body": ""}}, 131008),
    ("text absent", {"type": "text"}, 131008),
    ("unknown type", {"type": "poll", "poll": {}}, 100),
    ("four buttons", buttons(*map(button, range(4))), 131009),
    ("no buttons", buttons(), 131009),
    ("button title too long", buttons(button(1, title="x" * 21)), 131009),
    ("button id too long", buttons(button(1, id="x" * 257)), 131009),
    ("button ids repeated", buttons(button(1), button(2, id="b1")), 131009),
    ("button titles repeated", buttons(button(1), button(2, title="Button 1")), 131009),
    ("button body too long", buttons(button(1), body={"text": "x" * 1025}), 131009),
    ("footer too long", buttons(button(1), footer={"text": "x" * 61}), 131009),
    ("header too long", buttons(button(1), header={"type": "text", "text": "x" * 61}), 131009),
    ("eleven rows", listing([row(number) for number in range(11)]), 131009),
    ("row title too long", listing([row(1, title="x" * 25)]), 131009),
    ("row description too long", listing([row(1, description="x" * 73)]), 131009),
    ("row id too long", listing([row(1, id="x" * 201)]), 131009),
    ("row ids repeated", listing([row(1), row(2, id="r1")]), 131009),
    ("picture above a list", listing([row(1)], header={"type": "image", "image": {"link": "https://a.b/c"}}), 131009),
    ("list button too long", listing([row(1)], action={"button": "x" * 21, "sections": [{"rows": [row(1)]}]}), 131009),
    ("caption too long", {"type": "image", "image": {"link": "https://a.b/c.png", "caption": "x" * 1025}}, 100),
    ("caption on audio", {"type": "audio", "audio": {"link": "https://a.b/c.ogg", "caption": "x"}}, 100),
    ("unknown media id", {"type": "image", "image": {"id": "123456"}}, 131009),
    ("opaque data too long", {**TEXT, "biz_opaque_callback_data": "x" * 513}, 100),
    ("reaction as a reply", {"type": "reaction", "context": {"message_id": "wamid.x"}, "reaction": {}}, 131009),
    ("bad phone number", {**TEXT, "to": "call me"}, 131009),
    ("bad user id", {**TEXT, "to": None, "recipient": "nl-1"}, 131009),
    ("nobody addressed", {**TEXT, "to": None}, 100),
    ("wrong product", {**TEXT, "messaging_product": "telegram"}, 100),
    ("unknown template", {"type": "template", "template": {"name": "nope", "language": {"code": "en"}}}, 132001),
]


@pytest.mark.parametrize(("body", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_what_the_cloud_api_refuses_is_refused_with_its_code(
    whatsapp: WhatsAppRun, body: Json, code: int
) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    answer = await whatsapp.send(**body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404 if code == 132001 else 400, code)
    assert error["error_data"]["details"]
    assert error["fbtrace_id"]


async def test_the_longest_allowed_messages_are_accepted(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    full = [button(number, title=f"{number}" + "t" * 19, id=f"{number}" + "i" * 255) for number in range(3)]
    for body in (
        {"type": "text", "text": {"body": "x" * 4096}},
        buttons(*full, body={"text": "x" * 1024}, footer={"text": "x" * 60}),
        listing([row(number, description="d" * 72) for number in range(10)], body={"text": "x" * 4096}),
        {**TEXT, "biz_opaque_callback_data": "x" * 512},
    ):
        answer = await whatsapp.send(**body)
        assert answer.status_code == 200, answer.text


async def test_a_tapped_button_answers_with_its_id_and_quotes_the_question(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    question = (await whatsapp.send(**buttons(button(1), button(2)))).json()["messages"][0]["id"]
    await whatsapp.quiet()
    await whatsapp.say(type="tap", option="button 2")
    await whatsapp.quiet()
    message = whatsapp.hooks.items("messages")[-1]
    assert message["interactive"] == {"type": "button_reply", "button_reply": {"id": "b2", "title": "Button 2"}}
    assert message["context"]["id"] == question


async def test_a_tapped_row_carries_its_description(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.send(**listing([row(1, description="Night shift"), row(2)]))
    await whatsapp.quiet()
    await whatsapp.say(type="tap", option=1)
    await whatsapp.quiet()
    reply = whatsapp.hooks.items("messages")[-1]["interactive"]
    assert reply == {"type": "list_reply", "list_reply": {"id": "r1", "title": "Row 1", "description": "Night shift"}}


async def test_tapping_what_is_not_on_the_screen_says_what_is(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.send(**buttons(button(1), button(2)))
    await whatsapp.quiet()
    answer = await whatsapp.http.post("/_twin/candidates/anna/say", json={"type": "tap", "option": "Maybe"})
    assert answer.status_code == 400
    assert "Button 1 | Button 2" in answer.json()["error"]


async def test_after_24_hours_only_a_template_arrives(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.control("POST", "/_twin/clock", {"advance": 24 * 3600 + 1})
    late = await whatsapp.send(**TEXT, biz_opaque_callback_data="late")
    assert late.status_code == 200, "Meta accepts and fails it by status"
    template = {"name": "conversation_follow_up", "language": {"code": "nl"}}
    filled = {**template, "components": [{"type": "body", "parameters": [{"type": "text", "text": "Anna"}]}]}
    allowed = await whatsapp.send(type="template", template=filled)
    assert allowed.json()["messages"][0]["message_status"] == "accepted"
    await whatsapp.quiet()

    failed = [item for item in whatsapp.hooks.items("statuses") if item["status"] == "failed"]
    assert [item["errors"][0]["code"] for item in failed] == [131047]
    assert failed[0]["biz_opaque_callback_data"] == "late"
    assert "pricing" not in failed[0]
    shown = (await whatsapp.screen())["messages"]
    assert [message["text"] for message in shown[1:]] == [
        "Hallo Anna, we hebben een antwoord op je vraag. Zullen we hier verdergaan?"
    ]
    await whatsapp.say(type="tap", option=1)
    await whatsapp.quiet()
    assert whatsapp.hooks.items("messages")[-1]["button"] == {"payload": "Verdergaan", "text": "Verdergaan"}
    assert (await whatsapp.screen())["window_open"]


async def test_the_closed_window_can_be_refused_at_once(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi", ago=25 * 3600)
    await whatsapp.control("PATCH", "/_twin/settings", {"window_errors": "response"})
    answer = await whatsapp.send(**TEXT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 131047)


async def test_a_template_with_missing_parameters_or_bad_state_is_refused(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    template: Json = {"name": "conversation_follow_up", "language": {"code": "en"}}
    answer = await whatsapp.send(type="template", template=template)
    assert answer.json()["error"]["code"] == 132000
    listed = (await whatsapp.http.get("/v1/configs/templates")).json()["waba_templates"]
    paused = [{**item, "status": "PAUSED"} for item in listed]
    await whatsapp.control("PUT", "/_twin/templates", paused)
    assert (await whatsapp.send(type="template", template=template)).json()["error"]["code"] == 132015


async def test_a_stranger_is_undeliverable(whatsapp: WhatsAppRun) -> None:
    answer = await whatsapp.send(**{**TEXT, "to": "+49 151 0000000"})
    assert answer.status_code == 200
    await whatsapp.quiet()
    (failed,) = whatsapp.hooks.items("statuses")
    assert failed["errors"][0]["code"] == 131026
    value = whatsapp.hooks.posts[0].body["entry"][0]["changes"][0]["value"]
    assert "contacts" not in value


async def test_a_candidate_with_a_username_is_known_by_user_id_alone(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate(bsuid="NL.77", username="anna.k")
    await whatsapp.say(text="Hi")
    answer = await whatsapp.send(**{**TEXT, "to": None, "recipient": "NL.77"})
    assert answer.json()["contacts"] == [{"input": "NL.77", "user_id": "NL.77"}]
    await whatsapp.quiet()
    message = whatsapp.hooks.items("messages")[0]
    assert "from" not in message
    assert message["from_user_id"] == "NL.77"
    contact = whatsapp.hooks.posts[0].body["entry"][0]["changes"][0]["value"]["contacts"][0]
    assert contact == {"profile": {"name": "Anna", "username": "anna.k"}, "user_id": "NL.77"}
    for status in whatsapp.hooks.items("statuses"):
        assert status["recipient_user_id"] == "NL.77"
        assert "recipient_id" not in status


async def test_a_new_number_brings_a_new_user_id(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate(bsuid="NL.77")
    after = await whatsapp.control(
        "POST", "/_twin/candidates/anna/identity", {"wa_id": "31699999999", "announce": "both"}
    )
    await whatsapp.quiet()
    system = whatsapp.hooks.items("messages")[0]
    assert system["from"] == CANDIDATE_PHONE
    assert system["system"]["type"] == "user_changed_number"
    assert system["system"]["wa_id"] == "31699999999"
    assert system["system"]["previous_user_id"] == "NL.77"
    assert system["system"]["user_id"] == after["bsuid"] != "NL.77"
    (update,) = whatsapp.hooks.items("user_id_update")
    assert update["user_id"] == {"previous": "NL.77", "current": after["bsuid"]}
    assert (await whatsapp.http.get("/_twin/candidates/31699999999")).json()["id"] == "anna"


async def test_turning_marketing_off_is_announced_and_holds_for_marketing_only(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate(bsuid="NL.77")
    await whatsapp.say(text="Hi")
    await whatsapp.control("PATCH", "/_twin/candidates/anna", {"marketing_opt_out": True})
    alert = {
        "name": "job_alert",
        "language": "en",
        "category": "MARKETING",
        "components": [{"type": "BODY", "text": "New"}],
    }
    assert (await whatsapp.http.post("/v1/configs/templates", json=alert)).status_code == 201
    await whatsapp.send(type="template", template={"name": "job_alert", "language": {"code": "en"}})
    await whatsapp.send(**TEXT)
    await whatsapp.quiet()
    (preference,) = whatsapp.hooks.items("user_preferences")
    assert (preference["value"], preference["wa_id"], preference["user_id"]) == ("stop", CANDIDATE_PHONE, "NL.77")
    failed = [item for item in whatsapp.hooks.items("statuses") if item["status"] == "failed"]
    assert [item["errors"][0]["code"] for item in failed] == [131050]
    assert [message["text"] for message in (await whatsapp.screen())["messages"]] == ["Hi", "Hello"]


async def test_typing_shows_for_25_seconds_or_until_a_reply(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    first = await whatsapp.say(text="One")
    second = await whatsapp.say(text="Two")
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": second["id"]}
    answer = await whatsapp.http.post("/messages", json={**receipt, "typing_indicator": {"type": "text"}})
    assert answer.json() == {"success": True}
    screen = await whatsapp.screen()
    assert screen["typing"]
    assert {message["id"]: message["status"] for message in screen["messages"]} == {
        first["id"]: "read",
        second["id"]: "read",
    }
    await whatsapp.control("POST", "/_twin/clock", {"advance": 25.1})
    assert not (await whatsapp.screen())["typing"]
    await whatsapp.http.post("/messages", json={**receipt, "typing_indicator": {"type": "text"}})
    await whatsapp.send(**TEXT)
    await whatsapp.quiet()
    assert not (await whatsapp.screen())["typing"]


async def test_a_read_receipt_for_an_unknown_message_is_refused(whatsapp: WhatsAppRun) -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.unknown"}
    answer = await whatsapp.http.post("/messages", json=receipt)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 131009)


@pytest.mark.parametrize("kind", ["voice", "audio", "image", "video", "sticker", "document"])
async def test_media_can_be_fetched_with_the_key_from_the_swapped_host(whatsapp: WhatsAppRun, kind: str) -> None:
    await whatsapp.candidate()
    await whatsapp.say(type=kind, text="note", filename="cv.pdf")
    await whatsapp.quiet()
    (message,) = whatsapp.hooks.items("messages")
    part = message[message["type"]]
    assert message["type"] == ("audio" if kind == "voice" else kind)
    assert part.get("voice", False) == (kind == "voice")
    described = (await whatsapp.http.get(f"/{part['id']}")).json()
    assert described["mime_type"] == part["mime_type"]
    assert described["sha256"] == part["sha256"]
    url = httpx.URL(described["url"])
    assert url.host == "lookaside.fbsbx.com"
    fetched = await whatsapp.http.get(url.raw_path.decode())
    assert len(fetched.content) == described["file_size"]
    assert (await whatsapp.http.get(str(url.raw_path.decode()), headers={"D360-API-KEY": "no"})).status_code == 401
    await whatsapp.control("POST", "/_twin/clock", {"advance": 301})
    assert (await whatsapp.http.get(url.raw_path.decode())).status_code == 404, "links live five minutes"


async def test_uploaded_media_can_be_sent_and_deleted(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    files = {"file": ("offer.pdf", b"%PDF-1.4", "application/pdf")}
    uploaded = await whatsapp.http.post("/media", data={"messaging_product": "whatsapp"}, files=files)
    media_id = uploaded.json()["id"]
    answer = await whatsapp.send(type="document", document={"id": media_id, "caption": "The offer"})
    assert answer.status_code == 200
    await whatsapp.quiet()
    shown = (await whatsapp.screen())["messages"][-1]
    assert shown["file"]["filename"] == "offer.pdf"
    assert (await whatsapp.http.get(shown["file"]["url"])).content == b"%PDF-1.4"
    assert (await whatsapp.http.delete(f"/{media_id}")).json() == {"success": True}
    assert (await whatsapp.send(type="document", document={"id": media_id})).status_code == 400


async def test_media_that_whatsapp_does_not_take_is_refused(whatsapp: WhatsAppRun) -> None:
    data = {"messaging_product": "whatsapp"}
    gif = await whatsapp.http.post("/media", data=data, files={"file": ("a.gif", b"GIF89a", "image/gif")})
    assert gif.json()["error"]["code"] == 100
    huge = {"file": ("a.png", bytes(5 * 1024 * 1024 + 1), "image/png")}
    assert (await whatsapp.http.post("/media", data=data, files=huge)).json()["error"]["code"] == 131053


async def test_more_than_25_uploads_a_second_are_a_throttle_with_status_400(whatsapp: WhatsAppRun) -> None:
    async def upload() -> httpx.Response:
        files = {"file": ("a.png", b"PNG", "image/png")}
        return await whatsapp.http.post("/media", data={"messaging_product": "whatsapp"}, files=files)

    answers = await asyncio.gather(*(upload() for _ in range(26)))
    (refused,) = [answer for answer in answers if answer.status_code == 400]
    assert refused.json()["meta"]["developer_message"] == "You have exceeded the endpoint rate limit."


async def test_twenty_failed_media_requests_block_the_route(whatsapp: WhatsAppRun) -> None:
    statuses = [(await whatsapp.http.get("/404404404")).status_code for _ in range(21)]
    assert statuses == [400] * 20 + [403]
    await whatsapp.control("POST", "/_twin/clock", {"advance": 1801})
    assert (await whatsapp.http.get("/404404404")).status_code == 400


async def test_a_registered_webhook_wins_and_its_headers_are_echoed(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    body = {"url": whatsapp.hooks.url.replace("/hook", "/other"), "headers": {"Authorization": "Bearer s3cret"}}
    registered = await whatsapp.http.post("/v1/configs/webhook", json=body)
    assert registered.json() == body == (await whatsapp.http.get("/v1/configs/webhook")).json()
    await whatsapp.say(text="Hi")
    await whatsapp.quiet()
    post = whatsapp.hooks.posts[0]
    assert (post.path, post.headers["authorization"]) == ("/receiver/other", "Bearer s3cret")


@pytest.mark.parametrize("url", ["https://my_host.example/x", "https://host.example:8443/x", "ftp://a.b/x", None])
async def test_a_webhook_url_that_360dialog_refuses_is_refused(whatsapp: WhatsAppRun, url: str | None) -> None:
    assert (await whatsapp.http.post("/v1/configs/webhook", json={"url": url})).status_code == 400


async def test_only_200_counts_and_anything_else_is_repeated(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    whatsapp.hooks.answers = [503, 201, 302]
    await whatsapp.say(text="Hi")
    await whatsapp.quiet()
    assert len(whatsapp.hooks.posts) == 4
    assert len({post.raw for post in whatsapp.hooks.posts}) == 1
    (delivery,) = (await whatsapp.control("GET", "/_twin/deliveries"))["deliveries"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 201, 302, 200]
    assert delivery["state"] == "delivered"


async def test_updates_can_be_batched_in_every_shape() -> None:
    for shape, changes, entries in (("changes", 3, 1), ("entries", 1, 3), ("arrays", 1, 1)):
        settings = WhatsAppSettings(batch_max=3, batch_seconds=5, batch_shape=shape)  # type: ignore[arg-type]
        async with running_whatsapp_twin(settings=settings) as run:
            await run.candidate()
            for text in ("one", "two", "three"):
                await run.say(text=text)
            await run.quiet()
            (post,) = run.hooks.posts
            assert (len(post.body["entry"]), len(post.body["entry"][0]["changes"])) == (entries, changes)
            assert [message["text"]["body"] for message in run.hooks.items("messages")] == ["one", "two", "three"]


async def test_a_sleeping_phone_gets_everything_in_order_when_it_wakes(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate(online=False)
    await whatsapp.say(text="Hi")
    for text in ("one", "two"):
        await whatsapp.send(type="text", text={"body": text})
    await whatsapp.quiet()
    assert [item["status"] for item in whatsapp.hooks.items("statuses")] == ["sent", "sent"]
    await whatsapp.control("PATCH", "/_twin/candidates/anna", {"online": True, "reads": False})
    await whatsapp.quiet()
    shown = (await whatsapp.screen())["messages"][1:]
    assert [(message["text"], message["status"]) for message in shown] == [("one", "delivered"), ("two", "delivered")]


async def test_a_reaction_shows_on_the_message_and_goes_both_ways(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    mine = await whatsapp.say(text="Hi")
    await whatsapp.send(type="reaction", reaction={"message_id": mine["id"], "emoji": "👍"})
    answer = await whatsapp.send(**TEXT)
    await whatsapp.quiet()
    await whatsapp.say(type="reaction", emoji="❤️")
    await whatsapp.quiet()
    wire = whatsapp.hooks.items("messages")[-1]["reaction"]
    assert wire == {"message_id": answer.json()["messages"][0]["id"], "emoji": "❤️"}
    first, second = (await whatsapp.screen())["messages"]
    assert first["reactions"] == {"business": "👍"}
    assert second["reactions"] == {"candidate": "❤️"}


async def test_edits_and_deletions_are_announced_on_coexistence_numbers_only(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    mine = await whatsapp.say(text="I am a carpenter")
    await whatsapp.say(type="edit", text="I am a welder")
    await whatsapp.control("PATCH", "/_twin/settings", {"coexistence": True})
    await whatsapp.say(type="edit", text="I am a plumber")
    await whatsapp.say(type="revoke")
    await whatsapp.quiet()
    unsupported, edit, revoke = whatsapp.hooks.items("messages")[1:]
    assert unsupported["unsupported"] == {"type": "edit"}
    assert unsupported["errors"][0]["code"] == 131051
    assert edit["edit"]["original_message_id"] == mine["id"]
    assert edit["edit"]["message"]["text"]["body"] == "I am a plumber"
    assert revoke["revoke"] == {"original_message_id": mine["id"]}
    assert (await whatsapp.screen())["messages"][0]["revoked"]


async def test_the_phone_waits_for_news(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.quiet()
    seen = (await whatsapp.screen())["revision"]
    waiting = asyncio.create_task(whatsapp.screen(after=seen, wait=10))
    await asyncio.sleep(0)
    await whatsapp.send(**TEXT)
    assert (await asyncio.wait_for(waiting, 5))["revision"] > seen


async def test_the_stream_shows_each_change_of_the_screen(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    async with whatsapp.http.stream("GET", "/_twin/candidates/anna/stream") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: screen"
        await whatsapp.say(text="Good morning")
        async with asyncio.timeout(5):
            while "Good morning" not in await anext(lines):
                pass


async def test_an_accepted_message_whose_answer_is_lost_still_reports_its_statuses(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    for action in ("accept_then_hang", "accept_then_drop"):
        await whatsapp.control("POST", "/_twin/faults", {"on": "POST /messages", "action": action})
        with pytest.raises(httpx.TransportError):
            await whatsapp.http.post(
                "/messages",
                json={
                    "messaging_product": "whatsapp",
                    "to": CANDIDATE_PHONE,
                    **TEXT,
                    "biz_opaque_callback_data": action,
                },
                timeout=0.3,
            )
        await whatsapp.quiet()
        found = [item for item in whatsapp.hooks.items("statuses") if item["biz_opaque_callback_data"] == action]
        assert sorted(item["status"] for item in found) == ["delivered", "read", "sent"]


async def test_a_dropped_or_hanging_request_does_nothing(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    for action in ("hang", "drop"):
        await whatsapp.control("POST", "/_twin/faults", {"on": "/messages", "action": action})
        with pytest.raises(httpx.TransportError):
            await whatsapp.http.post("/messages", json={"messaging_product": "whatsapp", **TEXT}, timeout=0.3)
    assert len((await whatsapp.screen())["messages"]) == 1


async def test_ordered_errors_come_in_the_vendors_words_and_only_as_often_as_ordered(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    orders = [
        {"on": "POST /messages", "action": "respond", "code": 130429, "times": 2},
        {"on": "POST /messages", "action": "respond", "status": 503, "body": "Service Unavailable", "skip": 1},
    ]
    await whatsapp.control("POST", "/_twin/faults", orders)
    answers = [await whatsapp.send(**TEXT) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [400, 400, 200, 503, 200]
    assert answers[0].json()["error"]["code"] == 130429
    assert answers[3].text == "Service Unavailable"


async def test_status_webhooks_can_be_lost_doubled_and_turned_round(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.quiet()
    faults = [
        {"on": "WEBHOOK statuses:delivered", "action": "drop"},
        {"on": "WEBHOOK statuses:sent", "action": "reorder", "seconds": 5},
        {"on": "WEBHOOK statuses:read", "action": "duplicate"},
    ]
    await whatsapp.control("POST", "/_twin/faults", faults)
    await whatsapp.send(**TEXT)
    await until(lambda: len(whatsapp.hooks.items("statuses")) >= 2, what="the doubled status")
    await whatsapp.send(**TEXT)
    await whatsapp.quiet()
    statuses = [item["status"] for item in whatsapp.hooks.items("statuses")]
    assert statuses[:2] == ["read", "read"]
    assert sorted(statuses[2:]) == ["delivered", "read", "sent", "sent"]


async def test_the_limit_per_recipient_is_a_throttle_with_status_400() -> None:
    settings = WhatsAppSettings(pair_burst=3, sent_seconds=0, delivered_seconds=0, read_seconds=0)
    async with running_whatsapp_twin(settings=settings) as run:
        await run.candidate()
        await run.say(text="Hi")
        answers = [await run.send(**TEXT) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
        assert answers[3].json()["error"]["code"] == 131056
        await run.control("POST", "/_twin/clock", {"advance": 6})
        assert (await run.send(**TEXT)).status_code == 200


async def test_phones_and_unanswered_webhooks_survive_a_restart(tmp_path: Path) -> None:
    snapshot = tmp_path / "whatsapp.json"
    async with running_whatsapp_twin(snapshot=snapshot, webhook_url="http://127.0.0.1:9/nobody") as run:
        await run.candidate(online=False)
        await run.say(type="image", text="my badge")
        await run.send(**TEXT)
        await until(lambda: any(m.status == "sent" for m in run.twin.store.state.messages.values()), what="sent")
    async with running_whatsapp_twin(snapshot=snapshot) as run:
        await run.quiet()
        (message,) = run.hooks.items("messages")
        assert (await run.http.get(f"/{message['image']['id']}")).status_code == 200
        await run.control("PATCH", "/_twin/candidates/anna", {"online": True})
        await run.quiet()
        assert [shown["text"] for shown in (await run.screen())["messages"]] == ["my badge", "Hello"]


async def test_a_test_may_post_any_body_signed(whatsapp: WhatsAppRun) -> None:
    await whatsapp.control("POST", "/_twin/webhook", {"text": "not json", "times": 2})
    await whatsapp.quiet()
    assert [post.raw for post in whatsapp.hooks.posts] == [b"not json"] * 2
    assert whatsapp.hooks.posts[0].headers["x-360dialog-signature"] == whatsapp_signature(b"not json")


async def test_a_delivery_can_be_repeated_byte_for_byte(whatsapp: WhatsAppRun) -> None:
    await whatsapp.candidate()
    await whatsapp.say(text="Hi")
    await whatsapp.quiet()
    (delivery,) = (await whatsapp.control("GET", "/_twin/deliveries?label=messages"))["deliveries"]
    await whatsapp.control("POST", "/_twin/deliveries/replay", {"id": delivery["id"], "times": 4})
    await whatsapp.quiet()
    assert len(whatsapp.hooks.posts) == 5
    assert len({post.raw for post in whatsapp.hooks.posts}) == 1


async def test_wrong_orders_to_the_twin_are_explained(whatsapp: WhatsAppRun) -> None:
    for method, path, body, words in (
        ("POST", "/_twin/faults", {"on": "(", "action": "drop"}, "unterminated"),
        ("POST", "/_twin/faults", {"on": "x", "action": "explode"}, "Invalid enum value"),
        ("PATCH", "/_twin/settings", {"speed": 1}, "unknown settings"),
        ("PATCH", "/_twin/settings", {"batch_max": "many"}, "int"),
        ("POST", "/_twin/candidates", {"name": "Nobody"}, "wa_id or bsuid"),
        ("POST", "/_twin/candidates/nobody/say", {"text": "x"}, "no candidate"),
    ):
        answer = await whatsapp.http.request(method, path, json=body)
        assert answer.status_code in {400, 404}
        assert words in answer.json()["error"]


async def test_the_fast_settings_are_a_copy_for_each_twin(whatsapp: WhatsAppRun) -> None:
    await whatsapp.control("PATCH", "/_twin/settings", {"coexistence": True})
    assert whatsapp.twin.settings.coexistence
    assert not FAST.coexistence
