"""What of a template has to be filled in, and how it reaches WhatsApp."""

import pytest

from app.channels.errors import Rejected
from app.channels.whatsapp import Template, template_body

BODY = {"type": "BODY", "text": "Dear {{name}}, {{date}} is fine. Bye {{name}}"}


def test_holes_are_counted_once_in_their_order_and_by_their_names() -> None:
    shift = Template("shift", "en", components=[BODY, {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"}])
    assert shift.holes == [("header", "1"), ("body", "name"), ("body", "date")]
    assert shift.is_text
    assert shift.filled({"name": "Anna", "date": "Monday"}) == "Dear Anna, Monday is fine. Bye Anna"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Look", "url": "https://example.nl/{{1}}"}]},
        {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "1234"}]},
    ],
)
def test_files_links_and_codes_are_no_text(part: dict[str, object]) -> None:
    assert not Template("shift", "en", components=[BODY, part]).is_text


def test_each_part_goes_where_whatsapp_wants_it() -> None:
    link, code = {"type": "url", "parameter": "week-7"}, {"type": "copy_code", "parameter": "X"}
    values = {
        "header": {"media_url": "https://example.nl/a.pdf", "media_type": "DOCUMENT", "media_name": "a.pdf"},
        "body": {"name": "Anna\n Smith"},
        "buttons": [{"type": "quick_reply"}, link, code],
    }
    header, body, *buttons = template_body({"name": "shift", "processed_params": values})["template"]["components"]
    file = {"link": "https://example.nl/a.pdf", "filename": "a.pdf"}
    assert header == {"type": "header", "parameters": [{"type": "document", "document": file}]}
    named = {"type": "text", "text": "Anna Smith", "parameter_name": "name"}
    assert body == {"type": "body", "parameters": [named]}
    assert [(each["sub_type"], each["index"], each["parameters"]) for each in buttons] == [
        ("url", 1, [{"type": "text", "text": "week-7"}]),
        ("copy_code", 2, [{"type": "coupon_code", "coupon_code": "X"}]),
    ]


def test_a_header_of_an_unknown_kind_is_said_to_be_one() -> None:
    values = {"header": {"media_url": "https://example.nl/a.zip", "media_type": "zip"}}
    with pytest.raises(Rejected, match="picture, a film or a document"):
        template_body({"name": "shift", "processed_params": values})
