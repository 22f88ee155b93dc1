"""HTTP clients of vendors that count and time what they send."""

import time
from typing import Any

import httpx

from app.telemetry.metrics import VENDOR_SECONDS
from app.telemetry.vendor_transport import VendorTransport


class VendorClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose every call is a sample of `vendor_request_duration_seconds`."""

    def __init__(self, vendor: str, *, limits: httpx.Limits | None = None, **options: Any) -> None:
        """`vendor` is a label of the metric; `options` are httpx's own."""
        transport = VendorTransport(limits) if limits else VendorTransport()
        super().__init__(transport=transport, **options)
        self._vendor = vendor

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Measure until the body is read (streams: until the headers are)."""
        began = time.perf_counter()
        outcome = "network"
        try:
            response = await super().send(request, **options)
            outcome = outcome_of(response.status_code)
        except httpx.TimeoutException:
            outcome = "timeout"
            raise
        finally:
            VENDOR_SECONDS(self._vendor, outcome).observe(time.perf_counter() - began)
        return response


def outcome_of(status: int) -> str:
    """The metric's word for an HTTP status."""
    if status < 400:
        return "ok"
    if status == 429:
        return "throttled"
    return "rejected" if status < 500 else "server_error"
