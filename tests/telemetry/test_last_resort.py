"""An error that nothing expected is reported, logged once under its request's id, and answered without a word of it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from app.local.postgres import PostgresServer
from app.mailbox.dead_letters import DEAD
from tests.fixtures.stack import Process, Stack, running_stack, until_true
from tests.journeys.test_many_at_once import body_of, signed, text
from tests.telemetry.watching import SentryServer, client_of, ending, lines, sentry_server

pytestmark = pytest.mark.xdist_group("last_resort")


@pytest.fixture(scope="module")
async def reported(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, SentryServer]]:
    """A stack without a process, and where its processes report."""
    async with (
        sentry_server() as sentry,
        running_stack(postgres, tmp_path_factory.mktemp("reported"), SENTRY_DSN=sentry.dsn) as stack,
    ):
        yield stack, sentry


async def until_reported(sentry: SentryServer, kind: str, request_id: str = "") -> None:
    async def there() -> bool:
        return any(
            event["exception"]["values"][-1]["type"] == kind and event["tags"].get("request_id", "") == request_id
            for event in sentry.events
        )

    await until_true(there, what=f"a report of {kind}")


def assert_problem(answer: httpx.Response, kind: str, request_id: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    problem = answer.json()
    assert (problem["type"].rsplit(":", 1)[1], problem["request_id"]) == (kind, request_id)
    assert answer.headers["x-request-id"] == request_id


def assert_logged_once(process: Process, request_id: str, kind: str) -> None:
    of_it = [line for line in lines(process) if line.get("request_id") == request_id and line["level"] == "error"]
    assert [line["message"] for line in of_it] == ["http.failed", "http.request"]
    assert kind in of_it[0]["exception_type"]
    assert "Exception in ASGI application" not in process.log.read_text()


async def test_an_error_in_the_webhook_door(reported: tuple[Stack, SentryServer]) -> None:
    stack, sentry = reported
    starting = stack.serve(module="tests.telemetry.failing", FAIL="door")
    body = body_of([text("31600000001", "please break the door for Wanda")])
    async with ending(starting) as process, client_of(process) as client:
        answer = await client.post(
            "/webhooks/360dialog?who=wanda", content=body, headers={**signed(body), "x-request-id": "door-request-1"}
        )
        assert_problem(answer, "internal-error", "door-request-1")
        assert (await client.get("/health")).status_code == 200
    assert_logged_once(process, "door-request-1", "LookupError")
    await until_reported(sentry, "LookupError", "door-request-1")
    for place in (answer.text, process.log.read_text(), sentry.text):
        assert "anda" not in place


async def test_an_error_in_a_route_of_the_framework(reported: tuple[Stack, SentryServer]) -> None:
    stack, sentry = reported
    async with (
        ending(stack.serve()) as process,
        Redis.from_url(stack.redis.url) as redis,
        client_of(process) as client,
    ):
        assert (await client.get("/api/v1/dead-letters")).status_code == 200
        await redis.set(DEAD, "of another kind than the code expects")
        answer = await client.get("/api/v1/dead-letters?who=wanda", headers={"x-request-id": "route-request-1"})
        await redis.delete(DEAD)
        assert_problem(answer, "internal-error", "route-request-1")
        assert (await client.get("/api/v1/dead-letters")).status_code == 200
    assert_logged_once(process, "route-request-1", "ResponseError")
    await until_reported(sentry, "ResponseError", "route-request-1")
    assert "wanda" not in process.log.read_text() + sentry.text


async def test_a_step_of_the_start_up_that_fails_and_a_record_that_refuses(
    reported: tuple[Stack, SentryServer],
) -> None:
    stack, sentry = reported
    starting = stack.start_web(SUPABASE_KEY="not-the-key-of-this-record")
    async with ending(starting) as process, client_of(process) as client:

        async def tried_thrice() -> bool:
            return len(lines(process, "startup.step_failed")) >= 3

        await until_true(tried_thrice, what="three tries of a step", seconds=30)
        answer = await client.get("/api/v1/dead-letters", headers={"x-request-id": "record-request-1"})
    step = lines(process, "startup.step_failed")[0]
    assert step["step"] == "record"
    assert "Forbidden" in step["exception_type"]
    # The step is tried for as long as it fails; its error is reported once. (Tasks of the engine fail, too.)
    of_the_step = [event for event in sentry.events if "app.api.startup" in str(event)]
    assert [event["exception"]["values"][-1]["type"] for event in of_the_step] == ["Forbidden"]
    assert_problem(answer, "record-error", "record-request-1")
    (refused,) = lines(process, "record.refused")
    assert (refused["request_id"], refused["error_type"]) == ("record-request-1", "Forbidden")
    assert refused["error_code"]
    await until_reported(sentry, "Forbidden", "record-request-1")


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_start_that_fails_for_good(reported: tuple[Stack, SentryServer], command: str) -> None:
    stack, sentry = reported
    before = sentry.kinds.count("ArithmeticError")
    async with ending(stack._start(command, stack.ports[0], {"FAIL": "start"}, "tests.telemetry.failing")) as process:
        assert await asyncio.wait_for(process.child.wait(), 30) != 0
    assert sentry.kinds.count("ArithmeticError") == before + 1
    written = process.log.read_text()
    assert written.count('"process.failed"') == 1
    assert "ArithmeticError" in written
