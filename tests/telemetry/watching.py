"""A Sentry of our own on loopback, and what a running process has written and shows."""

import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.children import stop_child
from tests.fixtures.stack import OPS_TOKEN, Process
from tests.fixtures.twins import serve

AUTH = {"authorization": f"Bearer {OPS_TOKEN}"}


class SentryServer:
    """Keeps every envelope as it arrived."""

    def __init__(self) -> None:
        self.dsn = ""
        self.envelopes: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self.envelopes)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The error reports: an envelope's header, its item's header and the event stand on a line each."""
        lines = [orjson.loads(line) for envelope in self.envelopes for line in envelope.splitlines() if line]
        return [line for line in lines if "exception" in line]

    @property
    def kinds(self) -> list[str]:
        """Types of the reported errors, the outermost of each chain."""
        return [str(event["exception"]["values"][-1]["type"]) for event in self.events]

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.envelopes.append(body.decode())
        return Response(b"{}", media_type="application/json")


@contextlib.asynccontextmanager
async def sentry_server() -> AsyncIterator[SentryServer]:
    """Listens until the block ends; `dsn` leads to it."""
    sentry = SentryServer()
    app = Starlette(routes=[Route("/api/1/envelope/", sentry.receive, methods=["POST"])])
    async with serve(app) as url:
        sentry.dsn = url.replace("http://", "http://public@") + "/1"
        yield sentry


def lines(process: Process, message: str = "") -> list[dict[str, Any]]:
    """The process's log lines so far; all, or those with this message. A line being written is left out."""
    found = []
    for line in process.log.read_bytes().split(b"\n")[:-1]:
        event: dict[str, Any] = orjson.loads(line)
        if message in ("", event["message"]):
            found.append(event)
    return found


@contextlib.asynccontextmanager
async def ending(starting: Awaitable[Process]) -> AsyncIterator[Process]:
    """A process that is asked to go at the end of the block, so that its port is free for the next."""
    process = await starting
    try:
        yield process
    finally:
        await stop_child(process.child, patience=20)


@contextlib.asynccontextmanager
async def client_of(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    """Holds the operator's token."""
    async with httpx.AsyncClient(base_url=process.url, trust_env=False, headers=AUTH, timeout=10) as client:
        yield client


async def component(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """One component of /health/detailed."""
    found: dict[str, Any] = (await client.get("/health/detailed")).json()["components"][name]
    return found


async def figure(client: httpx.AsyncClient, sample: str) -> float:
    """One sample of /metrics by name and labels; 0 when it is not there. A scrape is remembered for a second."""
    text = (await client.get("/metrics")).text
    return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{sample} ")), 0.0)
