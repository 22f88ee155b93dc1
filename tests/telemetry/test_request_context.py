"""Every request has an id that its logs carry, and is counted by route template, never by its path."""

import re

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI
from starlette.types import Receive, Scope, Send

from app.draining import DRAINING
from app.telemetry.logs import get_logger
from app.telemetry.metrics_registry import render_metrics
from app.telemetry.request_id import RequestContext
from tests.fixtures.telemetry import LogLines, serve

app = FastAPI()
log = get_logger()


@app.get("/api/v1/candidates/{candidate}")
async def candidate(candidate: str, later: BackgroundTasks) -> dict[str, str]:
    log.info("candidate.shown")
    later.add_task(log.info, "candidate.background")
    return {}


@app.get("/plain/{number}")
def plain(number: int) -> dict[str, str]:
    log.info("plain.shown")
    return {}


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("a candidate's words")


async def door(scope: Scope, receive: Receive, send: Send) -> None:
    """A path outside the framework."""
    if scope["type"] == "http" and scope["path"] == "/webhooks/360dialog":
        scope["route_template"] = scope["path"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await app(scope, receive, send)


def wrapped() -> RequestContext:
    return RequestContext(door)


async def test_the_id_is_in_the_answer_and_in_every_line_of_the_request(log_lines: LogLines) -> None:
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        given = await client.get(
            "/api/v1/candidates/31612345678?phone=31612345678", headers={"x-request-id": "trace-abc123"}
        )
        made = await client.get("/plain/7", headers={"x-request-id": "31612345678", "x-railway-request-id": "rw-1"})
    assert given.headers["x-request-id"] == "trace-abc123"
    assert re.fullmatch(r"[0-9a-f]{24}", made.headers["x-request-id"])
    lines = [(event["message"], event.get("request_id")) for event in log_lines.events if "." in event["message"]]
    for message in ("candidate.shown", "candidate.background"):
        assert (message, "trace-abc123") in lines
    assert ("plain.shown", made.headers["x-request-id"]) in lines
    access = log_lines.named("http.request")
    assert [line["route"] for line in access] == ["/api/v1/candidates/{candidate}", "/plain/{number}"]
    assert access[1]["railway_request_id"] == "rw-1"
    assert "31612345678" not in log_lines.text


@pytest.mark.parametrize("forged", ["short", "has space in it", "x" * 65, "1234567890", "línea-abcdef", 'a"b-cdefgh'])
async def test_an_odd_request_id_is_replaced(forged: str, log_lines: LogLines) -> None:
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/plain/7", headers=[(b"x-request-id", forged.encode())])
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["x-request-id"])


async def test_unmatched_paths_and_odd_methods_share_one_label(log_lines: LogLines) -> None:
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        for number in range(120):
            await client.request("GET" if number % 2 else "PROPFIND", f"/no/such/{number}")
        await client.post("/webhooks/360dialog")
    text = render_metrics()[0].decode()
    assert 'http_requests_total{method="GET",route="unmatched",status_class="4xx"}' in text
    assert 'http_requests_total{method="other",route="unmatched",status_class="4xx"}' in text
    assert 'http_requests_total{method="POST",route="/webhooks/360dialog",status_class="2xx"}' in text
    assert "/no/such" not in text


async def test_an_error_is_counted_and_its_words_stay_inside(log_lines: LogLines) -> None:
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/broken")).status_code == 500
    (line,) = log_lines.named("http.request")
    assert (line["status"], line["level"]) == (500, "error")
    assert "a candidate's words" not in log_lines.text
    assert 'route="/broken",status_class="5xx"' in render_metrics()[0].decode()


async def test_a_flood_writes_few_lines_and_says_how_many_it_left_out(log_lines: LogLines) -> None:
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        for _ in range(400):
            await client.post("/webhooks/360dialog")
    lines = log_lines.named("http.request")
    told = len(lines) + sum(line.get("suppressed_count", 0) for line in lines)
    assert len(lines) < 400
    assert told <= 400


async def test_while_draining_answers_ask_to_close(log_lines: LogLines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DRAINING, "active", True)
    async with serve(wrapped()) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/plain/7")).headers["connection"] == "close"
