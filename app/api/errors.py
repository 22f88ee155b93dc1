"""One handler per family of errors; every answer is a problem detail (RFC 9457)."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.api.last_resort import DETAIL, KIND
from app.api.problems import problem
from app.database.errors import RecordError, RecordUnavailable
from app.telemetry.logs import get_logger
from app.telemetry.sentry import capture

log = get_logger()

_KINDS = {
    400: "bad-request",
    401: "token-required",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    422: "invalid-input",
    503: "unavailable",
}


def _answer(request: Request, status: int, kind: str, detail: str) -> Response:
    body = problem(status, kind, detail, request.scope.get("state", {}).get("request_id", ""))
    return Response(body, status, media_type="application/problem+json")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 registered for this class
    kind = (error.headers or {}).get("x-problem") or _KINDS.get(error.status_code, "error")
    return _answer(request, error.status_code, kind, str(error.detail))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 registered for this class
    # Where and what, never the value that came.
    faults = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    return _answer(request, 422, "invalid-input", "; ".join(faults))


async def _record(request: Request, error: Exception) -> Response:
    if isinstance(error, RecordUnavailable):
        return _answer(request, 503, "record-unavailable", "the record cannot be reached now; try again later")
    assert isinstance(error, RecordError)  # noqa: S101 registered for this class
    capture(error)
    log.error("record.refused", error_type=type(error).__name__, error_code=error.code)
    return _answer(request, 500, "record-error", "the record refused the request; the log has the cause")


async def _unexpected(request: Request, _error: Exception) -> Response:
    # The framework raises the error again after this answer; `LastResort` around it reports and logs it.
    return _answer(request, 500, KIND, DETAIL)


def install_error_handlers(api: FastAPI) -> None:
    """Nothing that a handler says holds internals, secrets or personal data."""
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(RecordError, _record)
    api.add_exception_handler(Exception, _unexpected)
