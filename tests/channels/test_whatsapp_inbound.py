"""Reading webhook bodies: every update is used, a malformed one never takes its neighbours with it."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.whatsapp_inbound import BodyRejected, address_of, parse
from app.recruiting.events import CandidateSaid, Event, IdentityChanged, StatusReported
from app.recruiting.messages import Kind


def envelope(*values: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    changes = [{"field": field, "value": {"metadata": {"phone_number_id": "105"}, **value}} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]} for change in changes]}


def text(message_id: str, body: str = "hello", sender: str = "31612345678", **more: Any) -> dict[str, Any]:
    return {
        "id": message_id,
        "from": sender,
        "timestamp": "1790000000",
        "type": "text",
        "text": {"body": body},
        **more,
    }


def read(body: dict[str, Any]) -> list[Any]:
    return [event for _, _, event in parse(json.dumps(body).encode()).events]


def only(message: dict[str, Any]) -> CandidateSaid:
    (event,) = read(envelope({"messages": [message]}))
    assert isinstance(event, CandidateSaid)
    return event


def test_every_entry_change_message_and_status_is_used_in_order() -> None:
    body = envelope(
        {"messages": [text("a"), text("b")]},
        {"statuses": [{"id": "w", "status": "delivered", "timestamp": "1790000001", "recipient_id": "31"}]},
        {"messages": [text("c", sender="4917012345")]},
    )
    events = read(body)
    assert [e.message.message_id if isinstance(e, CandidateSaid) else e.wamid for e in events] == ["a", "b", "w", "c"]


def test_a_malformed_message_is_set_aside_raw_and_its_neighbours_survive() -> None:
    broken: dict[str, Any] = {"id": 7, "text": "x"}
    value = {
        "messages": [text("a"), broken, text("b")],
        "statuses": [{"id": "w"}, {"id": "v", "status": "read", "timestamp": 1}],
    }
    inbound = parse(json.dumps(envelope(value)).encode())
    assert [key for _, key, _ in inbound.events] == ["a", "b", "v:read"]
    assert [json.loads(item.raw) for item in inbound.malformed] == [broken, {"id": "w"}]


def test_the_business_scoped_id_wins_over_the_phone_number() -> None:
    contact = {"wa_id": "31612345678", "user_id": "NL.abc", "profile": {"name": "Anna", "username": "@anna"}}
    body = envelope({"contacts": [contact], "messages": [text("a", from_user_id="NL.abc")]})
    ((address, _, event),) = parse(json.dumps(body).encode()).events
    assert isinstance(event, CandidateSaid)
    assert address == address_of("105", "NL.abc")
    assert (event.sender.bsuid, event.sender.wa_id, event.sender.username) == ("NL.abc", "31612345678", "anna")


@pytest.mark.parametrize("place", ["from", "wa_id"])
def test_a_bsuid_in_the_place_of_the_phone_number_is_recognised(place: str) -> None:
    contacts = [{"wa_id": "NL.abc"}]
    body = envelope({"contacts": contacts, "messages": [text("a", sender="NL.abc" if place == "from" else "")]})
    (event,) = read(body)
    assert (event.sender.bsuid or event.sender.wa_id) == "NL.abc"
    assert event.sender.wa_id in ("", "NL.abc")


def test_a_candidate_without_phone_number_is_not_lost() -> None:
    message = text("a", sender="", from_user_id="NL.abc")
    (event,) = read(envelope({"messages": [message], "contacts": [{"user_id": "NL.abc", "profile": {"name": "A"}}]}))
    assert (event.sender.bsuid, event.sender.wa_id, event.sender.profile_name) == ("NL.abc", "", "A")


def test_a_message_without_sender_is_set_aside() -> None:
    inbound = parse(json.dumps(envelope({"messages": [text("a", sender="")]})).encode())
    assert not inbound.events
    assert len(inbound.malformed) == 1


@pytest.mark.parametrize(
    ("message", "kind", "expected"),
    [
        ({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "v1", "title": "Yes"}}},
         Kind.CHOICE, {"text": "Yes", "choice_id": "v1"}),
        ({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "r", "title": "B2"}}},
         Kind.CHOICE, {"text": "B2", "choice_id": "r"}),
        ({"type": "button", "button": {"payload": "p", "text": "Later"}}, Kind.CHOICE,
         {"text": "Later", "choice_id": "p"}),
        ({"type": "audio", "audio": {"id": "m", "voice": True, "mime_type": "audio/ogg"}}, Kind.VOICE, {}),
        ({"type": "audio", "audio": {"id": "m"}}, Kind.AUDIO, {}),
        ({"type": "document", "document": {"id": "m", "filename": "cv.pdf", "caption": "my cv"}}, Kind.DOCUMENT,
         {"text": "my cv"}),
        ({"type": "image", "image": {"id": "m"}}, Kind.IMAGE, {}),
        ({"type": "sticker", "sticker": {"id": "m"}}, Kind.STICKER, {}),
        ({"type": "reaction", "reaction": {"message_id": "t", "emoji": "👍"}}, Kind.REACTION,
         {"target_id": "t", "emoji": "👍"}),
        ({"type": "reaction", "reaction": {"message_id": "t"}}, Kind.REACTION, {"emoji": ""}),
        ({"type": "edit", "edit": {"original_message_id": "t", "message": {"type": "text", "text": {"body": "new"}}}},
         Kind.EDIT, {"target_id": "t", "text": "new"}),
        ({"type": "revoke", "revoke": {"original_message_id": "t"}}, Kind.REVOKE, {"target_id": "t"}),
        ({"type": "order", "order": {"product_items": [{"item_price": "9.99"}]}}, Kind.ORDER, {}),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, Kind.UNSUPPORTED, {}),
        ({"type": "hologram", "hologram": {"x": 1}}, Kind.UNSUPPORTED, {}),
        ({"type": "image"}, Kind.UNSUPPORTED, {}),
    ],
)  # fmt: skip
def test_each_message_type_is_understood_or_kept_as_unsupported(
    message: dict[str, Any], kind: Kind, expected: dict[str, str]
) -> None:
    said = only({"id": "a", "from": "31612345678", "timestamp": "1790000000", **message}).message
    assert said.kind is kind
    for name, value in expected.items():
        assert getattr(said, name) == value


def test_a_location_and_a_contact_card_are_read() -> None:
    place = {"latitude": 52.1, "longitude": 5.1, "name": "Utrecht", "address": None}
    said = only({"id": "a", "from": "31", "timestamp": "1", "type": "location", "location": place}).message
    assert said.location is not None
    assert (said.location.latitude, said.location.name, said.location.address) == (52.1, "Utrecht", "")
    card = {"name": {"formatted_name": "Jan"}, "phones": [{"phone": "+31 6"}], "emails": [{"email": "a@b.c"}]}
    said = only({"id": "b", "from": "31", "timestamp": "1", "type": "contacts", "contacts": [card]}).message
    assert (said.contacts[0].name, said.contacts[0].phones, said.contacts[0].emails) == ("Jan", ["+31 6"], ["a@b.c"])


def test_a_changed_number_and_a_changed_id_name_both_identities() -> None:
    message = {"id": "s", "from": "31611", "timestamp": "1", "type": "system",
               "system": {"type": "user_changed_number", "wa_id": "31622", "body": "x"}}  # fmt: skip
    (event,) = read(envelope({"messages": [message]}))
    assert isinstance(event, IdentityChanged)
    assert (event.previous.wa_id, event.current.wa_id) == ("31611", "31622")
    message = {"id": "s2", "from": "31611", "timestamp": "1", "type": "system",
               "system": {"type": "user_changed_user_id", "user_id": "NL.b", "previous_user_id": "NL.a"}}  # fmt: skip
    ((address, _, event),) = parse(json.dumps(envelope({"messages": [message]})).encode()).events
    assert isinstance(event, IdentityChanged)
    assert (address, event.previous.bsuid, event.current.bsuid) == (address_of("105", "NL.a"), "NL.a", "NL.b")
    update = {"wa_id": "31611", "timestamp": "1", "user_id": {"previous": "NL.a", "current": "NL.b"}}
    (event,) = read(envelope({"user_id_update": [update]}, field="user_id_update"))
    assert isinstance(event, IdentityChanged)
    assert (event.previous.bsuid, event.current.bsuid) == ("NL.a", "NL.b")


def test_a_failed_status_keeps_code_and_our_own_id() -> None:
    status = {"id": "w", "status": "failed", "timestamp": "1790000000", "biz_opaque_callback_data": "row",
              "errors": [{"code": 131047, "title": "Re-engagement message"}]}  # fmt: skip
    (event,) = read(envelope({"statuses": [status]}))
    assert isinstance(event, StatusReported)
    assert (event.outbox_id, event.error_code, event.at) == ("row", 131047, 1790000000.0)


def test_fields_for_the_account_are_ignored_and_unknown_ones_set_aside() -> None:
    assert parse(json.dumps(envelope({}, field="account_update")).encode()).ignored == 1
    assert len(parse(json.dumps(envelope({}, field="something_new")).encode()).malformed) == 1


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"entry": 5}', b'{"entry": []}', b"\xff\xfe", b"null"]
)
def test_a_body_that_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(BodyRejected):
        parse(body)


def test_more_updates_than_the_vendor_sends_are_refused() -> None:
    body = envelope({"messages": [text(str(number)) for number in range(1001)]})
    with pytest.raises(BodyRejected):
        parse(json.dumps(body).encode())


def test_milliseconds_are_read_as_seconds() -> None:
    assert only(text("a") | {"timestamp": "1790000000123"}).message.sent_at == pytest.approx(1790000000.123)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_text_is_kept_code_point_for_code_point_except_nul(body: str) -> None:
    for escaped in (True, False):
        raw = json.dumps(envelope({"messages": [text("a", body)]}), ensure_ascii=escaped).encode()
        ((_, _, event),) = parse(raw).events
        assert isinstance(event, CandidateSaid)
        assert event.message.text == body.replace("\x00", "\ufffd")


@given(st.text(st.characters(), max_size=50))
def test_lone_surrogates_become_replacement_characters(body: str) -> None:
    ((_, _, event),) = parse(json.dumps(envelope({"messages": [text("a", body)]})).encode()).events
    assert isinstance(event, CandidateSaid)
    event.message.text.encode()
    assert "\x00" not in event.message.text


@pytest.mark.parametrize("stamp", ["nan", "inf", "-inf", "-1e300", "1e300", "soon", ""])
def test_what_is_no_time_can_be_stored_all_the_same(stamp: str) -> None:
    body = envelope(
        {
            "messages": [text("a") | {"timestamp": stamp}],
            "statuses": [{"id": "w", "status": "read", "timestamp": stamp, "recipient_id": "31"}],
        }
    )
    for event in read(body):
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    assert only(text("a") | {"timestamp": stamp}).message.sent_at == 0.0


def beside(value: bytes) -> bytes:
    """A body whose first message is `kept` and whose second change holds these bytes."""
    kept = json.dumps(envelope({"messages": [text("kept")]})["entry"][0]["changes"][0]).encode()
    return b'{"entry": [{"changes": [' + kept + b', {"field": "messages", "value": ' + value + b"}]}]}"


@pytest.mark.parametrize(
    "value", [b'{"messages": "\xff"}', b'{"unknown": "\xff"}', b'"\xff"', b'{"messages": ["\xff"]}']
)
def test_bytes_that_are_no_text_do_not_cost_their_neighbours(value: bytes) -> None:
    assert [key for _, key, _ in parse(beside(value)).events] == ["kept"]


@pytest.mark.parametrize("value", [b'{"messages": %s}', b'{"unknown": %s}', b"%s"])
def test_a_body_nested_too_deeply_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(BodyRejected, match="nested deeper"):
        parse(beside(value.replace(b"%s", b"[" * 5000 + b"]" * 5000)))


def test_a_value_whose_own_number_cannot_be_read_is_set_aside_whole() -> None:
    body = envelope({"messages": [text("a")], "metadata": 5}, {"messages": [text("b")]})
    inbound = parse(json.dumps(body).encode())
    assert [key for _, key, _ in inbound.events] == ["b"]
    assert '"a"' in inbound.malformed[0].raw


LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
NESTED = LEAF | st.lists(LEAF, max_size=4) | st.dictionaries(st.text(max_size=8), LEAF, max_size=4)
JSON = NESTED | st.lists(NESTED, max_size=4) | st.dictionaries(st.text(max_size=8), NESTED, max_size=4)


@given(JSON)
def test_no_json_at_all_breaks_the_door(value: Any) -> None:
    for body in (value, {"entry": value}):
        with contextlib.suppress(BodyRejected):
            parse(json.dumps(body).encode())
    inbound = parse(json.dumps(envelope({"messages": [value, text("kept")]})).encode())
    assert "kept" in [key for _, key, _ in inbound.events]
