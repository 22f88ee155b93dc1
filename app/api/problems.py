"""Errors as data: RFC 9457 problem details with a stable `type`, the request's id, and no internals."""

from http import HTTPStatus
from typing import Any

import orjson

TYPE_BASE = "urn:recruitment-desk:problem:"


def problem(status: int, kind: str, detail: str, request_id: str = "") -> bytes:
    """Body of an `application/problem+json` answer; `kind` is stable, `detail` says what was wrong and what to do."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return orjson.dumps(body | ({"request_id": request_id} if request_id else {}))
