"""Who we are in Chatwoot: the user whose token we write with is no recruiter, whatever is written in their name."""

import asyncio
from collections.abc import Sequence

import httpx
import msgspec

from app.telemetry.logs import get_logger

log = get_logger()
# Chatwoot may be away when we start; the last one repeats.
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)


class _Profile(msgspec.Struct):
    id: int = 0


class ServiceUser:
    """`id` is 0 until Chatwoot has told it: until then our messages are known by our marker alone."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.id = 0

    async def learn(self, waits: Sequence[float] = RETRY_SECONDS) -> None:
        """Ask until it is known; a token that is refused or belongs to no user ends it."""
        tries = 0
        while not self.id:
            try:
                response = await self._http.get("/api/v1/profile")
            except httpx.HTTPError:
                response = None
            if response is not None and response.is_success:
                self.id = _profile_id(response.content)
                if self.id:
                    log.info("chatwoot.self_known")
                else:
                    log.warning("chatwoot.self_unknown")
                return
            if response is not None and response.status_code in (401, 403, 404):
                log.warning("chatwoot.self_unknown", error_code=response.status_code)
                return
            await asyncio.sleep(waits[min(tries, len(waits) - 1)])
            tries += 1


def _profile_id(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_Profile).id
    except msgspec.MsgspecError:
        return 0
