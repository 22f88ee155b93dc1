"""The Chatwoot twin behaves as the real server does, including its traps."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.local.chatwoot_events import ChatwootSettings
from app.local.chatwoot_liquid import render_liquid
from tests.fixtures.twins import (
    CHATWOOT_SECRET,
    ChatwootRun,
    chatwoot_signature,
    running_chatwoot_twin,
)

Json = dict[str, Any]


@pytest.fixture
async def chatwoot() -> AsyncIterator[ChatwootRun]:
    """With an agent bot attached to the inbox, as after `webhooks setup`."""
    async with running_chatwoot_twin(with_bot=True) as run:
        yield run


# Webhooks


async def test_our_own_message_comes_back_as_a_signed_webhook(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    sent = await chatwoot.api(
        "POST",
        f"/conversations/{number}/messages",
        {"content": "a < b & c > d", "source_id": "ours-1", "sender_type": "AgentBot", "sender_id": 1},
    )
    await chatwoot.quiet()
    (post,) = [post for post in chatwoot.hooks.posts if post.body["event"] == "message_created"]
    signed = chatwoot_signature(post.headers["x-chatwoot-timestamp"], post.raw)
    assert post.headers["x-chatwoot-signature"] == signed
    assert len(post.headers["x-chatwoot-delivery"]) == 36
    assert rb"a \u003c b \u0026 c \u003e d" in post.raw, "Rails escapes: only the raw bytes verify"
    body = post.body
    assert body["content"] == "a < b & c > d"
    assert (body["id"], body["source_id"], body["message_type"], body["private"]) == (
        sent["id"],
        "ours-1",
        "outgoing",
        False,
    )
    assert body["sender"] == {"id": 1, "name": "Assistant", "type": "agent_bot"}
    assert body["conversation"]["id"] == number
    assert body["conversation"]["contact_inbox"]["source_id"] == "wa:1"
    assert body["account"] == {"id": 1, "name": "Recruitment"}
    assert "status" not in body


async def test_a_recruiters_message_notes_and_activity_lines(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.recruiter(number, content="Hello **Anna**")
    await chatwoot.recruiter(number, content="/bot", private=True)
    await chatwoot.act(number, status="resolved")
    await chatwoot.quiet()
    created = chatwoot.hooks.events("message_created")
    assert sorted((body["content"], body["private"]) for body in created) == [("/bot", True), ("Hello **Anna**", False)]
    assert {(body["sender"]["type"], body["sender"]["id"]) for body in created} == {("user", 2)}
    assert all(body["source_id"] is None for body in created)
    lines = [m["content"] for m in (await chatwoot.view(number))["messages"] if m["message_type"] == 2]
    assert lines == ["Conversation was marked resolved by Rosa Meijer"]


async def test_a_status_change_fires_two_events_and_names_nothing_in_the_first(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.api("POST", f"/conversations/{number}/toggle_status", {"status": "open"})
    await chatwoot.quiet()
    (changed,) = chatwoot.hooks.events("conversation_status_changed")
    assert changed["changed_attributes"] is None
    assert (changed["id"], changed["status"]) == (number, "open")
    (updated,) = chatwoot.hooks.events("conversation_updated")
    assert updated["changed_attributes"] == [{"status": {"previous_value": "pending", "current_value": "open"}}]
    assert updated["meta"]["sender"]["type"] == "contact"
    assert not chatwoot.hooks.events("conversation_opened"), "for agent bots only"


async def test_a_snapshot_may_be_newer_than_its_event() -> None:
    async with running_chatwoot_twin(settings=ChatwootSettings(job_seconds=0.2)) as run:
        contact = (await run.api("POST", "/contacts", {"inbox_id": 1, "source_id": "s", "name": "A"}))["payload"]
        body = {"inbox_id": 1, "contact_id": contact["contact"]["id"], "source_id": "s"}
        number = (await run.api("POST", "/conversations", body))["id"]
        await run.api("POST", f"/conversations/{number}/messages", {"content": "Hi", "message_type": "incoming"})
        await run.api("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
        await run.quiet()
        (created,) = run.hooks.events("conversation_created")
        assert created["status"] == "resolved"
        assert created["messages"][0]["content"] == "Hi"


async def test_an_inbox_webhook_is_delivered_at_most_once_and_failure_marks_the_message(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    chatwoot.hooks.answers = [503]
    message = await chatwoot.recruiter(number, content="Hello")
    await chatwoot.quiet()
    assert len(chatwoot.hooks.events("message_created")) == 1
    stored = next(m for m in (await chatwoot.view(number))["messages"] if m["id"] == message["id"])
    assert stored["status"] == "failed"
    assert stored["content_attributes"]["external_error"] == "503 from the webhook"
    (updated,) = chatwoot.hooks.events("message_updated")
    assert updated["content_attributes"]["external_error"]


async def test_every_second_webhook_can_be_lost(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    order = {"on": "WEBHOOK inbox:message_created", "action": "drop", "every": 2, "times": None}
    await chatwoot.control("POST", "/_twin/faults", order)
    for text in ("one", "two", "three", "four"):
        await chatwoot.recruiter(number, content=text)
        await chatwoot.quiet()
    assert [body["content"] for body in chatwoot.hooks.events("message_created")] == ["one", "three"]
    listed = await chatwoot.api("GET", f"/conversations/{number}/messages?after=0")
    assert [m["content"] for m in listed["payload"] if m["message_type"] == 1] == ["one", "two", "three", "four"]


async def test_webhooks_can_come_twice_and_out_of_order(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    orders = [
        {"on": "inbox:message_created", "match": '"content":"one"', "action": "delay", "seconds": 0.2},
        {"on": "inbox:message_created", "match": '"content":"two"', "action": "duplicate"},
    ]
    await chatwoot.control("POST", "/_twin/faults", orders)
    await chatwoot.recruiter(number, content="one")
    await chatwoot.recruiter(number, content="two")
    await chatwoot.quiet()
    assert [body["content"] for body in chatwoot.hooks.events("message_created")] == ["two", "two", "one"]


async def test_account_webhooks_are_filtered_and_have_their_own_secret(chatwoot: ChatwootRun) -> None:
    url = chatwoot.hooks.url.replace("/hook", "/account")
    body = {"webhook": {"url": url, "subscriptions": ["contact_created", "message_created"]}}
    hook = (await chatwoot.api("POST", "/webhooks", body))["payload"]["webhook"]
    assert hook["secret"] != CHATWOOT_SECRET
    number = await chatwoot.mirrored()
    await chatwoot.recruiter(number, content="Hi")
    await chatwoot.quiet()
    posts = [post for post in chatwoot.hooks.posts if post.path.endswith("/account")]
    assert [post.body["event"] for post in posts] == ["message_created"]
    signed = chatwoot_signature(posts[0].headers["x-chatwoot-timestamp"], posts[0].raw, hook["secret"])
    assert posts[0].headers["x-chatwoot-signature"] == signed
    delivery_ids = {post.headers["x-chatwoot-delivery"] for post in chatwoot.hooks.posts}
    assert len(delivery_ids) == len(chatwoot.hooks.posts), "each path has its own delivery id"


async def test_an_unreachable_bot_opens_a_pending_conversation(chatwoot: ChatwootRun) -> None:
    url = chatwoot.hooks.url.replace("/hook", "/bot")
    await chatwoot.api("PATCH", "/agent_bots/1", {"outgoing_url": url})
    number = await chatwoot.mirrored()
    await chatwoot.api("PATCH", "/inboxes/1", {"channel": {"webhook_url": ""}})
    chatwoot.hooks.answers = [500, 429, 500]
    message = {"content": "Hi", "message_type": "incoming"}
    await chatwoot.api("POST", f"/conversations/{number}/messages", message)
    await chatwoot.quiet()
    assert len([post for post in chatwoot.hooks.posts if post.body["event"] == "message_created"]) == 3
    assert (await chatwoot.view(number))["status"] == "open"


async def test_typing_is_told_without_an_account(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.act(number, typing=True)
    await chatwoot.quiet()
    (body,) = chatwoot.hooks.events("conversation_typing_on")
    assert body["user"] == {"id": 2, "name": "Rosa Meijer", "email": "agent2@chatwoot.test", "type": "user"}
    assert (body["is_private"], body["conversation"]["id"]) == (False, number)
    assert "account" not in body


# Contacts


async def test_a_contact_is_found_exactly_by_source_id(chatwoot: ChatwootRun) -> None:
    fields = {"inbox_id": 1, "source_id": "wa:7", "name": "Jan", "phone_number": "+31612345678", "identifier": "wa:7"}
    created = (await chatwoot.api("POST", "/contacts", fields))["payload"]
    assert created["contact_inbox"]["source_id"] == "wa:7"
    found = await chatwoot.api("POST", "/contact_inboxes/filter", {"inbox_id": 1, "source_id": "wa:7"})
    assert found["id"] == created["contact"]["id"]
    missing = await chatwoot.raw("POST", "/contact_inboxes/filter", {"inbox_id": 1, "source_id": "wa:8"})
    assert (missing.status_code, missing.content) == (404, b"")


async def test_contact_values_are_checked_and_unique(chatwoot: ChatwootRun) -> None:
    fields = {"inbox_id": 1, "source_id": "s1", "phone_number": "+31612345678", "identifier": "i1"}
    await chatwoot.api("POST", "/contacts", fields)
    for bad, attribute in (
        ({"phone_number": "0612345678"}, "phone_number"),
        ({"phone_number": "+31612345678"}, "phone_number"),
        ({"identifier": "i1"}, "identifier"),
    ):
        answer = await chatwoot.raw("POST", "/contacts", {"name": "x", **bad})
        assert answer.status_code == 422
        assert answer.json()["attributes"] == [attribute]
    taken = await chatwoot.raw("POST", "/contacts", {"inbox_id": 1, "source_id": "s1", "name": "thief"})
    assert taken.status_code == 500
    assert len(await chatwoot.control("GET", "/_twin/contacts")) == 1


async def test_contact_filter_search_and_update(chatwoot: ChatwootRun) -> None:
    fields = {"name": "Anna", "phone_number": "+31612345678", "custom_attributes": {"city": "Gent", "role": "welder"}}
    contact = (await chatwoot.api("POST", "/contacts", fields))["payload"]["contact"]
    condition = {"attribute_key": "phone_number", "filter_operator": "equal_to", "values": ["31612345678"]}
    found = await chatwoot.api("POST", "/contacts/filter", {"payload": [condition]})
    assert [item["id"] for item in found["payload"]] == [contact["id"]]
    assert (await chatwoot.api("GET", "/contacts/search?q=%2B316"))["payload"][0]["id"] == contact["id"]
    changed = await chatwoot.api("PUT", f"/contacts/{contact['id']}", {"custom_attributes": {"city": "Brugge"}})
    assert changed["payload"]["custom_attributes"] == {"city": "Brugge", "role": "welder"}


async def test_contacts_merge_with_their_conversations(chatwoot: ChatwootRun) -> None:
    first, second = await chatwoot.mirrored("wa:1"), await chatwoot.mirrored("wa:2")
    merged = await chatwoot.api("POST", "/actions/contact_merge", {"base_contact_id": 1, "mergee_contact_id": 2})
    assert {link["source_id"] for link in merged["contact_inboxes"]} == {"wa:1", "wa:2"}
    listed = await chatwoot.api("GET", "/contacts/1/conversations")
    assert {item["id"] for item in listed["payload"]} == {first, second}
    assert (await chatwoot.raw("GET", "/contacts/2")).status_code == 404


# Conversations


async def test_a_locked_inbox_answers_with_the_last_conversation(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.api("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    body = {"inbox_id": 1, "contact_id": 1, "source_id": "wa:1"}
    again = await chatwoot.api("POST", "/conversations", body)
    assert (again["id"], again["status"]) == (number, "resolved")
    await chatwoot.api("PATCH", "/inboxes/1", {"lock_to_single_conversation": False})
    assert (await chatwoot.api("POST", "/conversations", body))["id"] == number + 1
    clash = await chatwoot.api("POST", "/contacts", {"name": "other", "identifier": "o"})
    other = {**body, "contact_id": clash["payload"]["contact"]["id"]}
    assert (await chatwoot.raw("POST", "/conversations", other)).json() == {"error": "source_id should be unique"}


async def test_an_active_bot_makes_new_and_reopened_conversations_pending(chatwoot: ChatwootRun) -> None:
    contact = (await chatwoot.api("POST", "/contacts", {"inbox_id": 1, "source_id": "s"}))["payload"]["contact"]
    body = {"inbox_id": 1, "contact_id": contact["id"], "source_id": "s", "status": "open"}
    conversation = await chatwoot.api("POST", "/conversations", body)
    assert conversation["status"] == "pending"
    number = conversation["id"]
    incoming = {"content": "Hi", "message_type": "incoming"}
    for status, after in (("resolved", "pending"), ("snoozed", "open")):
        await chatwoot.api("POST", f"/conversations/{number}/toggle_status", {"status": status})
        await chatwoot.api("POST", f"/conversations/{number}/messages", incoming)
        assert (await chatwoot.view(number))["status"] == after
    await chatwoot.api("POST", "/inboxes/1/set_agent_bot", {"agent_bot": None})
    await chatwoot.api("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    await chatwoot.api("POST", f"/conversations/{number}/messages", incoming)
    assert (await chatwoot.view(number))["status"] == "open"


async def test_a_fresh_inbox_has_no_bot_and_reopens_what_was_resolved() -> None:
    async with running_chatwoot_twin() as run:
        assert await run.api("GET", "/inboxes/1/agent_bot") == {"agent_bot": {}}
        assert await run.api("GET", "/agent_bots") == []
        number = await run.mirrored()
        await run.api("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
        await run.api("POST", f"/conversations/{number}/messages", {"content": "Hi", "message_type": "incoming"})
        assert (await run.view(number))["status"] == "open"


async def test_labels_and_custom_attributes_replace_what_was_there(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.api("POST", f"/conversations/{number}/labels", {"labels": ["intake", "nl"]})
    assert await chatwoot.api("POST", f"/conversations/{number}/labels", {"labels": ["matched"]}) == {
        "payload": ["matched"]
    }
    path = f"/conversations/{number}/custom_attributes"
    await chatwoot.api("POST", path, {"custom_attributes": {"stage": "intake", "vacancy": "welder"}})
    replaced = await chatwoot.api("POST", path, {"custom_attributes": {"stage": "matched"}})
    assert replaced == {"custom_attributes": {"stage": "matched"}}
    merged = await chatwoot.api("POST", path, {"custom_attributes": {"language": "nl"}, "merge": True})
    assert merged == {"custom_attributes": {"stage": "matched", "language": "nl"}}
    assert (await chatwoot.raw("POST", path, {"custom_attributes": {"x": "y" * 1500}})).status_code == 422


async def test_a_human_reply_counts_and_a_bots_does_not(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/messages"
    await chatwoot.api("POST", path, {"content": "AI", "sender_type": "AgentBot", "sender_id": 1})
    shown = await chatwoot.api("GET", f"/conversations/{number}")
    assert (shown["first_reply_created_at"], shown["waiting_since"] > 0) == (0, True)
    await chatwoot.recruiter(number, content="Person")
    shown = await chatwoot.api("GET", f"/conversations/{number}")
    assert (shown["first_reply_created_at"] > 0, shown["waiting_since"]) == (True, 0)


async def test_assignment_to_people_bots_teams_and_nobody(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/assignments"
    team = await chatwoot.api("POST", "/teams", {"name": "welders"})
    assert (await chatwoot.api("POST", path, {"assignee_id": 3}))["name"] == "Piet Bakker"
    assert (await chatwoot.api("POST", path, {"team_id": team["id"]}))["name"] == "welders"
    meta = (await chatwoot.view(number))["meta"]
    assert (meta["assignee"]["id"], meta["assignee_type"], meta["team"]["name"]) == (3, "User", "welders")
    bot = await chatwoot.api("POST", path, {"assignee_id": 1, "assignee_type": "AgentBot"})
    assert bot["name"] == "Assistant"
    assert (await chatwoot.view(number))["meta"]["assignee_type"] == "AgentBot"
    assert await chatwoot.api("POST", path, {"assignee_id": 99}) is None, "an unknown user unassigns silently"
    assert "assignee" not in (await chatwoot.view(number))["meta"]


async def test_an_agent_who_opens_takes_the_conversation_and_a_bot_hands_off(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    people = await chatwoot.control("GET", "/_twin/people")
    path = f"/conversations/{number}/toggle_status"
    bot = {"api_access_token": people["bots"][0]["token"]}
    handoff = await chatwoot.raw("POST", path, {"status": "open"}, headers=bot)
    assert handoff.json()["payload"] == {
        "success": None,
        "conversation_id": number,
        "current_status": "open",
        "snoozed_until": None,
    }
    await chatwoot.api("POST", path, {"status": "pending"})
    agent = {"api_access_token": people["users"][1]["token"]}
    await chatwoot.raw("POST", path, {"status": "open"}, headers=agent)
    assert (await chatwoot.view(number))["meta"]["assignee"]["id"] == people["users"][1]["id"]


async def test_newer_servers_give_pending_conversations_a_typed_owner() -> None:
    settings = ChatwootSettings(job_seconds=0, typed_owner=True)
    async with running_chatwoot_twin(settings=settings, with_bot=True) as run:
        number = await run.mirrored()
        assert (await run.view(number))["meta"]["assignee_type"] == "AgentBot"
        assert (await run.act(number, assignee_id=2))["status"] == "open"
        assert (await run.act(number, assignee_bot_id=1))["status"] == "pending"
        assert (await run.act(number, status="open"))["meta"]["assignee"]["id"] == 2


async def test_conversations_are_listed_by_status_and_page(chatwoot: ChatwootRun) -> None:
    for index in range(27):
        await chatwoot.mirrored(f"wa:{index}")
    assert (await chatwoot.api("GET", "/conversations"))["data"]["payload"] == [], "default: open ones"
    first = (await chatwoot.api("GET", "/conversations?status=all&inbox_id=1"))["data"]
    second = (await chatwoot.api("GET", "/conversations?status=all&page=2"))["data"]
    assert (len(first["payload"]), len(second["payload"]), first["meta"]["all_count"]) == (25, 2, 27)


# Messages


async def test_a_repeated_message_is_a_second_message(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    body = {"content": "Hi", "source_id": "ours-1", "echo_id": "e1"}
    first = await chatwoot.api("POST", f"/conversations/{number}/messages", body)
    second = await chatwoot.api("POST", f"/conversations/{number}/messages", body)
    assert first["id"] != second["id"]
    assert first["echo_id"] == "e1"
    found = (await chatwoot.api("GET", f"/conversations/{number}/messages?after=0"))["payload"]
    assert [message["source_id"] for message in found if message["source_id"]] == ["ours-1", "ours-1"]


async def test_message_windows_after_before_and_between(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/messages"
    ids = [(await chatwoot.api("POST", path, {"content": str(n)}))["id"] for n in range(130)]

    async def listed(query: str) -> list[int]:
        return [message["id"] for message in (await chatwoot.api("GET", f"{path}?{query}"))["payload"]]

    assert await listed("") == ids[-20:]
    assert await listed(f"after={ids[0]}") == ids[1:101]
    assert await listed(f"before={ids[50]}") == ids[30:50]
    assert await listed(f"after={ids[3]}&before={ids[6]}") == ids[3:6]


async def test_two_hundred_messages_a_minute_are_the_limit(chatwoot: ChatwootRun) -> None:
    await chatwoot.control("PATCH", "/_twin/settings", {"messages_per_minute": 5})
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/messages"
    answers = [await chatwoot.raw("POST", path, {"content": "x"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [422]
    assert "Too many messages" in answers[-1].json()["error"]
    await chatwoot.control("POST", "/_twin/clock", {"advance": 61})
    assert (await chatwoot.raw("POST", path, {"content": "x"})).status_code == 200


async def test_braces_in_outgoing_text_are_rendered_outside_code(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/messages"
    rendered = await chatwoot.api("POST", path, {"content": "Hi {{contact.first_name}} {{nothing}} `{{kept}}`"})
    assert rendered["content"] == "Hi Anna  `{{kept}}`"
    incoming = await chatwoot.api("POST", path, {"content": "{{contact.name}}", "message_type": "incoming"})
    assert incoming["content"] == "{{contact.name}}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("{{ a.b }}", "1"),
        ("{{ a.x | default: 'none' }}", "none"),
        ("{{ unclosed", "{{ unclosed"),
        ("{% if x %}", "{% if x %}"),
        ("`{% raw %}` {{ a.b }}", "`{% raw %}` 1"),
    ],
)
def test_liquid_renders_output_tags_and_leaves_broken_text(text: str, shown: str) -> None:
    assert render_liquid(text, {"a": {"b": 1}}) == shown


async def test_delivery_status_moves_as_the_original_lets_it(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    message = await chatwoot.api("POST", f"/conversations/{number}/messages", {"content": "Hi"})
    path = f"/conversations/{number}/messages/{message['id']}"
    await chatwoot.quiet()
    for status, after in (("delivered", "delivered"), ("read", "read"), ("delivered", "read"), ("failed", "failed")):
        changed = await chatwoot.api("PATCH", path, {"status": status, "external_error": "not on WhatsApp"})
        assert changed["status"] == after
    assert changed["content_attributes"] == {"external_error": "not on WhatsApp"}
    again = await chatwoot.api("PATCH", path, {"status": "sent"})
    assert (again["status"], again["content_attributes"]) == ("sent", {})
    await chatwoot.quiet()
    assert len(chatwoot.hooks.events("message_updated")) == 4


async def test_a_deleted_message_says_so(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    message = await chatwoot.recruiter(number, content="Oops")
    await chatwoot.control("DELETE", f"/_twin/conversations/{number}/messages/{message['id']}")
    await chatwoot.quiet()
    (updated,) = chatwoot.hooks.events("message_updated")
    assert updated["content"] == "This message was deleted"
    assert updated["content_attributes"] == {"deleted": True}


async def test_a_recruiters_attachment_is_fetched_over_a_redirect_that_may_lag(chatwoot: ChatwootRun) -> None:
    await chatwoot.control("PATCH", "/_twin/settings", {"attachment_lag_seconds": 30})
    number = await chatwoot.mirrored()
    content = base64.b64encode(b"%PDF-1.4").decode()
    attachment = {"filename": "offer.pdf", "content_base64": content, "mime_type": "application/pdf"}
    await chatwoot.recruiter(number, attachments=[attachment])
    await chatwoot.quiet()
    (created,) = chatwoot.hooks.events("message_created")
    (shown,) = created["attachments"]
    assert created["content"] is None
    assert (shown["file_type"], shown["file_size"]) == ("file", 8)
    assert shown["data_url"].endswith("/offer.pdf")
    assert (await chatwoot.http.get(shown["data_url"])).status_code == 404
    await chatwoot.control("POST", "/_twin/clock", {"advance": 31})
    answer = await chatwoot.http.get(shown["data_url"])
    assert answer.status_code == 302
    fetched = await chatwoot.http.get(answer.headers["location"])
    assert (fetched.content, fetched.headers["content-type"]) == (b"%PDF-1.4", "application/pdf")
    await chatwoot.control("POST", "/_twin/clock", {"advance": 301})
    assert (await chatwoot.http.get(answer.headers["location"])).status_code == 404


async def test_multipart_messages_carry_files_and_json_strings(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    answer = await chatwoot.http.post(
        f"/api/v1/accounts/1/conversations/{number}/messages",
        data={"message_type": "incoming", "private": "false", "content_attributes": '{"ours": true}', "source_id": "w"},
        files=[
            ("attachments[]", ("voice.ogg", b"OggS", "audio/ogg")),
            ("attachments[]", ("a.png", b"PNG", "image/png")),
        ],
    )
    message = answer.json()
    assert message["content_attributes"] == {"ours": True}
    assert [item["file_type"] for item in message["attachments"]] == ["audio", "image"]
    assert message["sender"]["type"] == "contact"
    assert not message["private"]


async def test_templates_quotes_and_other_authors(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    template = {"name": "follow_up", "language": "nl", "processed_params": {"1": "Anna"}}
    await chatwoot.recruiter(number, content="Hallo", template_params=template)
    await chatwoot.recruiter(number, content="Yes", in_reply_to=1)
    await chatwoot.recruiter(number, content="auto", author="automation")
    await chatwoot.recruiter(number, content="AI", author="captain")
    await chatwoot.quiet()
    bodies = {body["content"]: body for body in chatwoot.hooks.events("message_created")}
    assert bodies["Hallo"]["additional_attributes"] == {"template_params": template}
    assert bodies["Yes"]["content_attributes"] == {"in_reply_to": 1}
    assert bodies["auto"]["sender"] is None
    assert bodies["AI"]["sender"]["type"] == "captain_assistant"


async def test_greeting_and_survey_come_back_signed_by_nobody(chatwoot: ChatwootRun) -> None:
    await chatwoot.api(
        "PATCH",
        "/inboxes/1",
        {"greeting_enabled": True, "greeting_message": "Welcome {{contact.name}}", "csat_survey_enabled": True},
    )
    number = await chatwoot.mirrored()
    for text in ("Hi", "Hello?"):
        incoming = {"content": text, "message_type": "incoming"}
        await chatwoot.api("POST", f"/conversations/{number}/messages", incoming)
    await chatwoot.act(number, status="resolved")
    await chatwoot.quiet()
    bodies = [body for body in chatwoot.hooks.events("message_created") if body["message_type"] == "template"]
    assert sorted(body["content"] for body in bodies) == ["Please rate the conversation", "Welcome Anna Kok"]
    assert [body["sender"] for body in bodies] == [None, None]
    assert "input_csat" in {body["content_type"] for body in bodies}


async def test_the_older_auto_assignment_swallows_the_status_event() -> None:
    async with running_chatwoot_twin(settings=ChatwootSettings(job_seconds=0, assignment_v2=False)) as run:
        await run.api("PATCH", "/inboxes/1", {"enable_auto_assignment": True})
        await run.api("POST", "/inbox_members", {"inbox_id": 1, "user_ids": [3]})
        number = await run.mirrored()
        await run.api("POST", f"/conversations/{number}/toggle_status", {"status": "open"})
        await run.quiet()
        assert not run.hooks.events("conversation_status_changed")
        (updated,) = run.hooks.events("conversation_updated")
        assert updated["changed_attributes"] == [{"assignee_id": {"previous_value": None, "current_value": 3}}]
        assert updated["status"] == "open"


async def test_the_retry_button_wipes_the_failure_and_sends_nothing(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    message = await chatwoot.recruiter(number, content="Hi")
    path = f"/conversations/{number}/messages/{message['id']}"
    await chatwoot.api("PATCH", path, {"status": "failed", "external_error": "window closed"})
    await chatwoot.quiet()
    chatwoot.hooks.posts.clear()
    again = await chatwoot.control("POST", f"/_twin{path}/retry")
    assert (again["status"], again["content_attributes"]) == ("sent", {})
    await chatwoot.quiet()
    assert [post.body["event"] for post in chatwoot.hooks.posts] == ["message_updated"]


async def test_macros_post_unsigned_bodies(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    await chatwoot.control("POST", f"/_twin/conversations/{number}/automation", {"event": "macro.executed"})
    await chatwoot.quiet()
    (post,) = chatwoot.hooks.posts
    assert (post.body["event"], post.body["id"]) == ("macro.executed", number)
    assert not {name for name in post.headers if name.startswith("x-chatwoot")}


# Entering


async def test_tokens_and_rights(chatwoot: ChatwootRun) -> None:
    people = await chatwoot.control("GET", "/_twin/people")
    agent, bot = people["users"][1]["token"], people["bots"][0]["token"]
    async with httpx.AsyncClient(base_url=f"{chatwoot.url}/api/v1", trust_env=False) as http:
        assert (await http.get("/accounts/1/contacts")).json() == {
            "errors": ["You need to sign in or sign up before continuing."]
        }
        wrong = await http.get("/accounts/1/contacts", headers={"api_access_token": "x"})
        assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid Access Token"})
        barred = await http.get("/accounts/1/contacts", headers={"api-access-token": bot})
        assert barred.json() == {"error": "Access to this endpoint is not authorized for bots"}
        assert (await http.post("/accounts/1/inboxes", headers={"api_access_token": agent})).status_code == 401
        seen = (await http.get("/accounts/1/inboxes/1", headers={"api_access_token": agent})).json()
        assert "secret" not in seen
        assert (await http.get("/accounts/2/contacts", headers={"api_access_token": agent})).status_code == 404
        profile = (await http.get("/profile", headers={"api_access_token": agent})).json()
        assert (profile["name"], profile["role"]) == ("Rosa Meijer", "agent")


async def test_an_inbox_is_created_with_a_generated_secret_that_can_be_rotated() -> None:
    async with running_chatwoot_twin(with_inbox=False) as run:
        assert (await run.api("GET", "/inboxes"))["payload"] == []
        channel = {"type": "api", "webhook_url": run.hooks.url}
        inbox = await run.api("POST", "/inboxes", {"name": "WhatsApp", "channel": channel})
        assert len(inbox["secret"]) >= 32
        rotated = await run.api("POST", f"/inboxes/{inbox['id']}/reset_secret")
        assert rotated["secret"] != inbox["secret"]
        bot = await run.api("POST", "/agent_bots", {"name": "Assistant", "outgoing_url": ""})
        await run.api("POST", f"/inboxes/{inbox['id']}/set_agent_bot", {"agent_bot": bot["id"]})
        assert (await run.api("GET", f"/inboxes/{inbox['id']}/agent_bot"))["agent_bot"]["id"] == bot["id"]
        templates = {"message_templates": [{"name": "follow_up", "status": "approved"}]}
        changed = await run.api("PATCH", f"/inboxes/{inbox['id']}", {"channel": {"additional_attributes": templates}})
        assert changed["additional_attributes"] == templates
        number = await run.mirrored()
        await run.recruiter(number, content="Hi")
        await run.quiet()
        post = run.hooks.posts[0]
        signed = chatwoot_signature(post.headers["x-chatwoot-timestamp"], post.raw, rotated["secret"])
        assert post.headers["x-chatwoot-signature"] == signed


async def test_settings_tables(chatwoot: ChatwootRun) -> None:
    label = await chatwoot.api("POST", "/labels", {"title": "Intake", "color": "#ffffff"})
    assert label["title"] == "intake"
    assert (await chatwoot.raw("POST", "/labels", {"title": "intake"})).status_code == 422
    assert (await chatwoot.raw("POST", "/labels", {"title": "two words"})).status_code == 422
    assert [row["title"] for row in (await chatwoot.api("GET", "/labels"))["payload"]] == ["intake"]
    definition = {
        "attribute_display_name": "Role",
        "attribute_display_type": 0,
        "attribute_key": "role",
        "attribute_model": 1,
    }
    created = await chatwoot.api("POST", "/custom_attribute_definitions", definition)
    refused = await chatwoot.raw("POST", "/custom_attribute_definitions", definition)
    assert (refused.status_code, refused.json()["attributes"]) == (422, ["attribute_key"])
    # Chatwoot has a field `city` of its own.
    refused = await chatwoot.raw("POST", "/custom_attribute_definitions", {**definition, "attribute_key": "city"})
    assert (refused.status_code, refused.json()["attributes"]) == (422, ["attribute_key"])
    team = await chatwoot.api("POST", "/teams", {"team": {"name": "Recruitment", "allow_auto_assign": False}})
    assert (team["name"], team["allow_auto_assign"]) == ("recruitment", False)
    assert (await chatwoot.raw("POST", "/teams", {"name": "recruitment"})).status_code == 422
    assert (created["attribute_display_type"], created["attribute_model"]) == ("text", "contact_attribute")
    assert await chatwoot.api("GET", "/custom_attribute_definitions?attribute_model=0") == []
    await chatwoot.api("POST", "/canned_responses", {"short_code": "hi", "content": "Hello there"})
    assert len(await chatwoot.api("GET", "/canned_responses?search=hello")) == 1
    await chatwoot.api("DELETE", f"/labels/{label['id']}")
    assert (await chatwoot.api("GET", "/labels"))["payload"] == []


@pytest.mark.parametrize(
    "table", ["labels", "teams", "custom_attribute_definitions", "webhooks", "agent_bots", "inboxes"]
)
async def test_an_agents_token_may_not_change_settings(chatwoot: ChatwootRun, table: str) -> None:
    agent = {"api_access_token": chatwoot.twin.store.state.users[2].token}
    refused = await chatwoot.http.post(f"/api/v1/accounts/1/{table}", json={"name": "x"}, headers=agent)
    assert (refused.status_code, refused.json()) == (401, {"error": "You are not authorized to do this action"})


async def test_limits_answer_in_plain_text(chatwoot: ChatwootRun) -> None:
    await chatwoot.control("PATCH", "/_twin/settings", {"searches_per_minute": 1})
    assert (await chatwoot.raw("GET", "/contacts/search?q=a")).status_code == 200
    refused = await chatwoot.raw("GET", "/contacts/search?q=a")
    assert (refused.status_code, refused.text) == (429, "Retry later\n")
    assert "retry-after" not in refused.headers


async def test_ordered_faults_on_the_api(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    path = f"/conversations/{number}/messages"
    orders: list[Json] = [
        {"on": "POST .*/messages", "action": "respond", "status": 401, "body": {"error": "Invalid Access Token"}},
        {"on": "POST .*/messages", "action": "respond", "status": 429, "body": "Retry later\n"},
        {"on": "POST .*/messages", "action": "accept_then_respond", "status": 502, "body": "Bad Gateway"},
    ]
    await chatwoot.control("POST", "/_twin/faults", orders)
    answers = [await chatwoot.raw("POST", path, {"content": f"m{n}", "source_id": f"s{n}"}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [401, 429, 502, 200]
    await chatwoot.control("POST", "/_twin/faults", {"on": "POST .*/messages", "action": "accept_then_hang"})
    with pytest.raises(httpx.ReadTimeout):
        await chatwoot.raw("POST", path, {"content": "m4", "source_id": "s4"}, timeout=0.3)
    stored = [m["source_id"] for m in (await chatwoot.view(number))["messages"] if m["source_id"]]
    assert stored == ["s2", "s3", "s4"]


async def test_the_inbox_waits_for_news_and_streams(chatwoot: ChatwootRun) -> None:
    number = await chatwoot.mirrored()
    seen = (await chatwoot.control("GET", "/_twin/conversations"))["revision"]
    waiting = asyncio.create_task(chatwoot.control("GET", f"/_twin/conversations?after={seen}&wait=10"))
    await asyncio.sleep(0)
    async with chatwoot.http.stream("GET", "/_twin/stream") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: inbox"
        await chatwoot.recruiter(number, content="Good morning")
        async with asyncio.timeout(5):
            while "Good morning" not in await anext(lines):
                pass
    assert (await asyncio.wait_for(waiting, 5))["revision"] > seen


async def test_the_desk_survives_a_restart(tmp_path: Path) -> None:
    snapshot = tmp_path / "chatwoot.json"
    async with running_chatwoot_twin(snapshot=snapshot) as run:
        number = await run.mirrored()
        await run.recruiter(number, content="Hi", attachments=[{"filename": "a.txt", "content_base64": "aGk="}])
    async with running_chatwoot_twin(snapshot=snapshot) as run:
        (message,) = [m for m in (await run.view(number))["messages"] if m["message_type"] == 1]
        found = await run.api("POST", "/contact_inboxes/filter", {"inbox_id": 1, "source_id": "wa:1"})
        assert found["name"] == "anna kok"
        path = message["attachments"][0]["data_url"].partition("/rails")[2]
        redirect = await run.http.get(f"/rails{path}")
        assert (await run.http.get(redirect.headers["location"])).content == b"hi"
