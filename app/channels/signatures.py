"""Proof that a webhook body comes from its vendor: HMAC-SHA256 over raw bytes, compared in constant time."""

import hmac
from collections.abc import Mapping

# Chatwoot signs `<unix seconds>.<raw body>`; older bodies are replays (300 s window).
CHATWOOT_WINDOW_SECONDS = 300


class SignatureRejected(Exception):
    """The request is not proven to come from the vendor. The message names the header at fault, never its value."""


def _same(given: bytes, expected: str) -> bool:
    return hmac.compare_digest(given, expected.encode())


def verify_360dialog(headers: Mapping[bytes, bytes], body: bytes, secret: str) -> None:
    """Accept a signature of the raw body (hex, with or without `sha256=`), or, only when no signature header came,
    the secret itself as `Authorization: Bearer <secret>` (the header our webhook registration sets).

    Raises SignatureRejected. A wrong signature is refused even when the bearer secret is right.
    """
    signatures = [headers[name] for name in (b"x-360dialog-signature", b"x-hub-signature-256") if name in headers]
    if signatures:
        expected = hmac.digest(secret.encode(), body, "sha256").hex()
        # Every signature that came must hold: one good header may not launder a forged one.
        if all(_same(given.strip().lower().removeprefix(b"sha256="), expected) for given in signatures):
            return
        raise SignatureRejected("the signature header does not match the body")
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and _same(token.strip(), secret):
        return
    raise SignatureRejected("neither a signature header nor the registered Authorization header came")


def verify_chatwoot(headers: Mapping[bytes, bytes], body: bytes, secret: str, now: float) -> None:
    """`X-Chatwoot-Signature` = `sha256=` + hex HMAC over `<X-Chatwoot-Timestamp>.<raw body>`; `now` in Unix seconds.

    Raises SignatureRejected; unsigned bodies (automation and macro webhooks) are refused too.
    """
    stamp = headers.get(b"x-chatwoot-timestamp", b"")
    given = headers.get(b"x-chatwoot-signature", b"")
    if not stamp.isdigit() or not given:
        raise SignatureRejected("X-Chatwoot-Timestamp or X-Chatwoot-Signature is missing")
    expected = "sha256=" + hmac.digest(secret.encode(), stamp + b"." + body, "sha256").hex()
    if not _same(given.strip().lower(), expected):
        raise SignatureRejected("X-Chatwoot-Signature does not match the body")
    if abs(now - int(stamp)) > CHATWOOT_WINDOW_SECONDS:
        raise SignatureRejected("X-Chatwoot-Timestamp is more than 300 s away")
