"""Who may read operational figures and use the operations routes: whoever holds OPS_TOKEN."""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why a door stays closed, as the parts of a problem detail."""

    status: int
    kind: str
    detail: str


class OpsGate:
    """Empty token: open on a developer's machine, closed where real people are served (`strict`)."""

    def __init__(self, token: str, *, strict: bool) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""
        self._strict = strict

    def refusal(self, headers: list[tuple[bytes, bytes]]) -> Refusal | None:
        """None when the request may pass; the comparison takes the same time for every wrong token."""
        if not self._expected:
            if not self._strict:
                return None
            return Refusal(403, "operations-closed", "OPS_TOKEN is not set, so operations routes stay closed; set it")
        given = next((value for name, value in headers if name == b"authorization"), b"")
        if hmac.compare_digest(given, self._expected):
            return None
        return Refusal(401, "token-required", "send the header 'Authorization: Bearer <OPS_TOKEN>'")
