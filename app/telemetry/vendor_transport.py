"""aiohttp beneath httpx: half the CPU of httpcore where one process holds a dozen connections open.

httpcore asks the socket of every idle connection for its state whenever a request starts or ends
(`benchmarks/turns.py` is where that showed). httpx-aiohttp 0.2 tells a connection that broke while the answer was
awaited as `ConnectTimeout`; to a sender that would mean "surely not sent, send again" and a message said twice. Here
every failure has the kind that httpx documents for it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

# The first that fits; from the special to the general, as aiohttp's classes inherit from each other.
_KINDS: tuple[tuple[type[BaseException], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),  # also: no free connection of the pool in time
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientConnectionError, httpx.ReadError),  # reset, or closed without an answer: it may have arrived
    (aiohttp.ClientPayloadError, httpx.ReadError),
    (aiohttp.ClientError, httpx.RemoteProtocolError),
)
_NO_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)


class VendorTransport(AiohttpTransport):
    """An `httpx` transport over aiohttp: HTTP/1.1, cookies left to httpx, failures named as httpx names them."""

    def __init__(self, limits: httpx.Limits = _NO_LIMITS) -> None:
        """Opens nothing; the first request does, in its event loop."""
        super().__init__(limits=limits, client=self._open)

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self.limits.max_connections or 0,
            keepalive_timeout=self.limits.keepalive_expiry or 5.0,
            ssl=self.ssl_context,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.TransportError."""
        with _named(request):
            response = await super().handle_async_request(request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream, request)
        return response


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _named(self._request):
            async for chunk in self._stream:
                yield chunk

    async def aclose(self) -> None:
        with _named(self._request):
            await self._stream.aclose()


@contextmanager
def _named(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, aiohttp.ClientError) as fault:
        cause = fault if isinstance(fault, aiohttp.ClientError) else fault.__cause__
        for kind, name in _KINDS:
            if isinstance(cause, kind):
                raise name(str(cause), request=request) from cause
        raise
