"""The transport over aiohttp tells a failure by httpx's own names: a sender decides by them whether to send again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from app.telemetry.vendor_calls import VendorClient
from tests.fixtures.twins import free_port

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMEOUT = httpx.Timeout(0.5, connect=0.3)


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()
    await reader.read()


async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"no such protocol\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (hang_up, httpx.ReadError),
        (reset, httpx.ReadError),
        (say_nothing, httpx.ReadTimeout),
        (break_off, httpx.ReadError),
        (stall, httpx.ReadTimeout),
        (babble, httpx.RemoteProtocolError),
    ],
)
async def test_what_may_have_arrived_is_never_told_as_not_sent(answer: Answer, kind: type[Exception]) -> None:
    async with server(answer) as url, VendorClient("360dialog", timeout=TIMEOUT) as client:
        with pytest.raises(httpx.TransportError) as caught:
            await client.post(url, content=b"hello")
        assert type(caught.value) is kind
        assert not isinstance(caught.value, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


async def test_what_was_surely_not_sent_is_told_so() -> None:
    with free_port() as reserved:
        port = reserved.getsockname()[1]
    async with VendorClient("360dialog", timeout=TIMEOUT) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://127.0.0.1:{port}/", content=b"hello")


async def test_the_limit_of_connections_holds_and_a_waiter_gives_up() -> None:
    async with (
        server(say_nothing) as url,
        VendorClient(
            "supabase", timeout=httpx.Timeout(2.0, pool=0.2), limits=httpx.Limits(max_connections=1)
        ) as client,
    ):
        first = asyncio.create_task(client.post(url, content=b"one"))
        await asyncio.sleep(0)
        with pytest.raises(httpx.ConnectTimeout):
            await client.post(url, content=b"two")
        with pytest.raises(httpx.ReadTimeout):
            await first
