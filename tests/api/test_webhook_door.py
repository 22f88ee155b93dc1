"""The webhook doors over HTTP: who may enter, what is refused and how, and what 200 means."""

import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.local.postgres import PostgresServer
from tests.fixtures.stack import CHATWOOT_SECRET, VERIFY_TOKEN, Stack, running_stack, until_true
from tests.fixtures.twins import D360_SECRET
from tests.journeys.test_many_at_once import body_of, text

DOOR = "/webhooks/360dialog"
GOOD = body_of([text("31600000001", "hello")])


@pytest.fixture
async def client(desk: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=desk.processes[0].url, trust_env=False) as client:
        yield client


def signature(body: bytes, secret: str = D360_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-360dialog-signature": signature(GOOD)},
        {"x-hub-signature-256": "sha256=" + signature(GOOD)},
        {"authorization": f"Bearer {D360_SECRET}"},
    ],
)
async def test_the_vendor_enters_by_signature_or_by_the_registered_header(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.post(DOOR, content=GOOD, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (GOOD, {}, 401),
        (GOOD, {"x-360dialog-signature": "0" * 64, "authorization": f"Bearer {D360_SECRET}"}, 401),
        (GOOD, {"authorization": "Bearer wrong"}, 401),
        (b"not json", {"x-360dialog-signature": signature(b"not json")}, 400),
        (b"{}", {"x-360dialog-signature": signature(b"{}")}, 400),
        (b"x" * (3 * 1024 * 1024 + 1), {}, 413),
    ],
)
async def test_anything_else_is_refused_with_a_problem_that_leaks_nothing(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await client.post(DOOR, content=body, headers=headers)
    assert answer.status_code == status
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "hello" not in answer.text


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 65536

    answer = await client.post(DOOR, content=endless())
    assert answer.status_code == 413


async def test_the_hub_challenge_needs_our_token(client: httpx.AsyncClient) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "12345", "hub.verify_token": VERIFY_TOKEN}
    answer = await client.get(DOOR, params=query)
    assert (answer.status_code, answer.text) == (200, "12345")
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        assert (await client.get(DOOR, params={**query, **wrong})).status_code == 403


async def test_other_methods_are_named(client: httpx.AsyncClient) -> None:
    assert (await client.put(DOOR)).status_code == 405
    assert (await client.get("/webhooks/chatwoot")).status_code == 405


async def test_chatwoot_enters_by_a_fresh_signature_only(client: httpx.AsyncClient) -> None:
    body = b'{"event":"message_created","account":{"id":1}}'

    def headers(age: float, secret: str = CHATWOOT_SECRET) -> dict[str, str]:
        stamp = str(int(time.time() - age))
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"x-chatwoot-timestamp": stamp, "x-chatwoot-signature": f"sha256={digest}"}

    assert (await client.post("/webhooks/chatwoot", content=body, headers=headers(0))).status_code == 200
    for wrong in (headers(400), headers(-400), headers(0, "other"), {}):
        assert (await client.post("/webhooks/chatwoot", content=body, headers=wrong)).status_code == 401


async def test_an_unset_secret_is_a_closed_door_and_the_process_is_not_ready(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_stack(postgres, tmp_path_factory.mktemp("closed")) as stack:
        process = await stack.start_web(DIALOG360_WEBHOOK_SECRET="")
        async with httpx.AsyncClient(base_url=process.url, trust_env=False) as client:

            async def listening() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/health")).status_code == 200
                return False

            await until_true(listening, what="the service to listen", seconds=30)
            answer = await client.post(DOOR, content=GOOD, headers={"authorization": "Bearer x"})
            assert (answer.status_code, answer.json()["type"].rsplit(":")[-1]) == (503, "door-closed")

            async def told() -> bool:
                ready = await client.get("/health/readiness")
                return ready.status_code == 503 and "DIALOG360_WEBHOOK_SECRET" in ready.text

            await until_true(told, what="readiness to name the secret")
