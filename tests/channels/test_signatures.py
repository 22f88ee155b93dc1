"""Only the vendor's own bodies pass the door."""

import hashlib
import hmac

import pytest

from app.channels.signatures import SignatureRejected, verify_360dialog, verify_chatwoot

BODY = b'{"a":1}'
SECRET = "s3cret"
GOOD = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest().encode()


@pytest.mark.parametrize("name", [b"x-360dialog-signature", b"x-hub-signature-256"])
@pytest.mark.parametrize("value", [GOOD, b"sha256=" + GOOD, GOOD.upper()])
def test_a_signature_of_the_raw_body_passes_with_or_without_prefix(name: bytes, value: bytes) -> None:
    verify_360dialog({name: value}, BODY, SECRET)


def test_the_registered_header_passes_when_no_signature_came() -> None:
    verify_360dialog({b"authorization": b"Bearer " + SECRET.encode()}, BODY, SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-360dialog-signature": b"00"},
        {b"x-360dialog-signature": b""},
        {b"x-360dialog-signature": b"00", b"authorization": b"Bearer s3cret"},
        {b"x-360dialog-signature": GOOD, b"x-hub-signature-256": b"00"},
        {b"authorization": b"Bearer wrong"},
        {b"authorization": b"s3cret"},
        {b"authorization": b"Basic s3cret"},
    ],
)
def test_anything_else_is_refused_even_beside_a_right_bearer(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(SignatureRejected):
        verify_360dialog(headers, BODY, SECRET)


def chatwoot_headers(stamp: int, body: bytes = BODY, secret: str = SECRET) -> dict[bytes, bytes]:
    digest = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {b"x-chatwoot-timestamp": str(stamp).encode(), b"x-chatwoot-signature": b"sha256=" + digest.encode()}


@pytest.mark.parametrize("age", [0, 299, -299])
def test_chatwoot_passes_within_five_minutes(age: int) -> None:
    verify_chatwoot(chatwoot_headers(1000 - age), BODY, SECRET, now=1000.0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-chatwoot-signature": b"sha256=00"},
        chatwoot_headers(1000, b"other"),
        chatwoot_headers(1000, secret="other"),
        chatwoot_headers(600),
        chatwoot_headers(1400),
        chatwoot_headers(1000) | {b"x-chatwoot-timestamp": b"1001"},
        chatwoot_headers(1000) | {b"x-chatwoot-timestamp": "١".encode()},
    ],
)
def test_chatwoot_refuses_unsigned_forged_and_replayed_bodies(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(SignatureRejected):
        verify_chatwoot(headers, BODY, SECRET, now=1000.0)
