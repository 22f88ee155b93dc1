"""Connections to Supabase: one asynchronous pool per process for the service, one synchronous client for people."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import msgspec
from supabase import AsyncClient, AsyncClientOptions, Client, acreate_client, create_client
from supabase.lib.client_options import SyncClientOptions

from app.database.errors import BadRequest, Conflict, Forbidden, RecordError, RecordOutdated, RecordUnavailable
from app.telemetry.vendor_calls import VendorClient

T = TypeVar("T")

_BY_CODE: dict[str, type[RecordError]] = {
    **dict.fromkeys(("42501", "PGRST300", "PGRST301", "PGRST302", "PGRST303"), Forbidden),
    **dict.fromkeys(("42883", "42P01", "42703", "PGRST202", "PGRST205"), RecordOutdated),
    **dict.fromkeys(("25006", "PGRST000", "PGRST001", "PGRST002", "PGRST003", "PGRST504"), RecordUnavailable),
}
# SQLSTATE classes (Postgres, appendix A). Those of RecordUnavailable pass by themselves: connection, rollback after
# deadlock, resources, object in use, operator intervention, system and internal errors.
_BY_CLASS: dict[str, type[RecordError]] = {
    **dict.fromkeys(("08", "40", "53", "55", "57", "58", "XX"), RecordUnavailable),
    **dict.fromkeys(("22", "42", "P0"), BadRequest),
    "23": Conflict,
}


class _ErrorBody(msgspec.Struct):
    """PostgREST's error body; the gateway before it sends `message` alone. `details` may hold data: never used."""

    code: str | None = None
    message: str | None = None


_error_decoder = msgspec.json.Decoder(_ErrorBody)
_encoder = msgspec.json.Encoder()


class SupabasePool:
    """The service's way to the record: typed RPC calls over one shared HTTP client."""

    def __init__(self, client: AsyncClient, session: httpx.AsyncClient) -> None:
        self.client = client
        self._session = session
        self._url = f"{client.rest_url}/rpc/"
        self._headers = {**client.postgrest.headers, "Content-Type": "application/json"}
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    async def call(self, function: str, p: object, result: type[T] | Any) -> T:
        """Call `function(p jsonb)` and decode its answer as `result`. Raises RecordError.

        supabase-py's own `rpc().execute()` sends the same request; here the bytes are decoded straight into the
        struct, and the HTTP status is at hand to tell a wrong key from a server in trouble.
        """
        content = _encode(function, p)
        try:
            response = await self._post(function, content)
        except httpx.TimeoutException as fault:
            raise RecordUnavailable("no answer in time", code=type(fault).__name__, operation=function) from fault
        except httpx.TransportError as fault:
            raise RecordUnavailable("no connection", code=type(fault).__name__, operation=function) from fault
        if response.status_code >= 300:
            raise _error(function, response)
        answer: T = self._decode(function, response.content, result)
        return answer

    async def _post(self, function: str, content: bytes) -> httpx.Response:
        """Sent again once when the connection breaks: a server may close an idle one just as we use it.

        Every function may be repeated: it is idempotent, or (a claim) a repetition finds its rows leased.
        """
        url = self._url + function
        try:
            return await self._session.post(url, content=content, headers=self._headers)
        except (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError):
            return await self._session.post(url, content=content, headers=self._headers)

    def _decode(self, function: str, content: bytes, result: Any) -> Any:
        decoder = self._decoders.get(result)
        if decoder is None:
            decoder = self._decoders[result] = msgspec.json.Decoder(result)
        try:
            return decoder.decode(content)
        except msgspec.DecodeError as fault:
            # The text names the path of the misfit, never a value.
            raise RecordOutdated(f"unexpected answer: {fault}", code="decode", operation=function) from fault


def _encode(function: str, p: object) -> bytes:
    try:
        content = _encoder.encode({"p": p})
    except (UnicodeEncodeError, TypeError) as fault:
        raise BadRequest("cannot be written as JSON", code=type(fault).__name__, operation=function) from None
    if b"\\u0000" in content:
        # Postgres' jsonb has no NUL. The doors replace it; a model's output may still bring one.
        content = _encoder.encode({"p": _without_nul(msgspec.to_builtins(p))})
    return content


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value


def _error(function: str, response: httpx.Response) -> RecordError:
    try:
        body = _error_decoder.decode(response.content)
    except msgspec.DecodeError:
        body = _ErrorBody()  # a proxy's own page
    code = body.code or str(response.status_code)
    kind = _kind_of(code, response.status_code)
    # Postgres' message may quote a value only with class 22 (data exception); those stay unquoted.
    message = "malformed value" if code.startswith("22") else body.message or response.reason_phrase
    return kind(message, code=code, operation=function)


def _kind_of(code: str, http_status: int) -> type[RecordError]:
    known = _BY_CODE.get(code) or (_BY_CLASS.get(code[:2]) if len(code) == 5 else None)
    if known is not None:
        return known
    if http_status in (401, 403):
        return Forbidden
    return RecordUnavailable if http_status in (408, 429) or http_status >= 500 else BadRequest


@asynccontextmanager
async def open_pool(
    url: str,
    key: str,
    *,
    pool_size: int,
    timeout: float,  # noqa: ASYNC109 - the client's own
    connect_timeout: float,
) -> AsyncIterator[SupabasePool]:
    """Open the pool of this process; at most `pool_size` connections, a waiter gives up after `timeout`.

    HTTP/1.1 on purpose: with HTTP/2 one socket carries everything and the size would cap nothing.
    """
    limits = httpx.Limits(max_connections=pool_size, max_keepalive_connections=pool_size, keepalive_expiry=30)
    timeouts = httpx.Timeout(timeout, connect=connect_timeout)
    async with VendorClient("supabase", limits=limits, timeout=timeouts) as session:
        options = AsyncClientOptions(
            httpx_client=session, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
        )
        yield SupabasePool(await acreate_client(url, key, options), session)


class _Credentials:
    """Where the synchronous client connects to; set once by the wiring."""

    url = ""
    key = ""


def configure(url: str, key: str) -> None:
    """Say where `get_supabase_client` connects to; called by the wiring, never by importing a module."""
    _Credentials.url, _Credentials.key = url, key


def get_supabase_client() -> Client:
    """A synchronous Supabase client for scripts and operators' one-liners; not for the event loop.

    Where nobody called `configure`, SUPABASE_URL and SUPABASE_KEY of the environment count. Raises SettingsError,
    RuntimeError.
    """
    if not _Credentials.url or not _Credentials.key:
        # The one exception to "only the wiring reads settings": a one-liner has no wiring (see the import contract).
        from app.settings import load_settings  # noqa: PLC0415

        settings = load_settings()
        if not settings.supabase_url or settings.supabase_key is None:
            raise RuntimeError("SUPABASE_URL and SUPABASE_KEY are not set")
        configure(settings.supabase_url, settings.supabase_key.get_secret_value())
    return _client(_Credentials.url, _Credentials.key)


@functools.lru_cache(maxsize=1)
def _client(url: str, key: str) -> Client:
    session = httpx.Client(timeout=httpx.Timeout(10.0, connect=3.0), http2=False)
    options = SyncClientOptions(
        httpx_client=session, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
    )
    return create_client(url, key, options)
