"""The last resort: an error nothing else expected is reported, logged once under its request's id, and answered."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem
from app.telemetry.logs import get_logger
from app.telemetry.sentry import capture

KIND: Final = "internal-error"
DETAIL: Final = "something failed on our side; the log has the cause"

log = get_logger()


def note_failure(error: Exception) -> None:
    """Report and log; what was sent to us stays out of both."""
    capture(error)
    log.error("http.failed", exc_info=error)


class LastResort:
    """ASGI: stands inside the request's context and outside of every other door.

    Once an answer has begun nothing can be added to it: the server then closes the connection, unless whoever failed
    has already ended the answer itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 whatever was not foreseen
            note_failure(error)
            if not begun:
                await _answer(scope, send)


async def _answer(scope: Scope, send: Send) -> None:
    body = problem(500, KIND, DETAIL, scope.get("state", {}).get("request_id", ""))
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
