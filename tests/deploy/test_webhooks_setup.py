"""`webhooks setup` leaves both vendors pointing at us, twice as well as once; `verify` proves the way in and back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.local.chatwoot_twin import ChatwootTwinConfig, create_chatwoot_twin
from app.local.postgres import PostgresServer
from app.operations.chatwoot_round_trip import ServiceCount, round_trip
from app.operations.chatwoot_setup import set_up_inbox
from app.operations.setup_steps import ChatwootAccount, Outcome, SetupError
from app.operations.webhooks_setup import register_dialog360, verify
from tests.deploy.test_preflight import run
from tests.fixtures.stack import CHATWOOT_SECRET, CHATWOOT_TOKEN, OPS_TOKEN, VERIFY_TOKEN, Stack, running_stack
from tests.fixtures.telemetry import serve
from tests.fixtures.twins import D360_KEY, D360_SECRET

OURS = "https://desk.example.org"


@pytest.fixture(scope="module")
async def parts(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The vendors' twins, and one web process of the service to verify against."""
    home: Path = tmp_path_factory.mktemp("webhooks")
    async with running_stack(postgres, home) as stack:
        await stack.serve()
        yield stack


@pytest.fixture
async def dialog360(parts: Stack) -> AsyncIterator[httpx.AsyncClient]:
    url = parts.environ["DIALOG360_BASE_URL"]
    async with httpx.AsyncClient(base_url=url, headers={"D360-API-KEY": D360_KEY}) as client:
        yield client


@pytest.fixture
async def chatwoot() -> AsyncIterator[httpx.AsyncClient]:
    """An installation of its own, with one API inbox that is not ours."""
    config = ChatwootTwinConfig(
        api_token=CHATWOOT_TOKEN, webhook_url="https://other.example.org/hook", webhook_secret=CHATWOOT_SECRET
    )
    async with (
        serve(create_chatwoot_twin(config), lifespan="on") as url,
        httpx.AsyncClient(base_url=url, headers={"api_access_token": CHATWOOT_TOKEN}) as client,
    ):
        yield client


async def test_the_number_is_pointed_at_us_once(dialog360: httpx.AsyncClient) -> None:
    before = (await dialog360.get("/v1/configs/webhook")).json()
    dry = await register_dialog360(dialog360, OURS, D360_SECRET, apply=False)
    assert dry.outcome is Outcome.WOULD
    assert (await dialog360.get("/v1/configs/webhook")).json() == before
    first = await register_dialog360(dialog360, OURS, D360_SECRET, apply=True)
    second = await register_dialog360(dialog360, OURS, D360_SECRET, apply=True)
    assert (first.outcome, second.outcome) == (Outcome.DONE, Outcome.RIGHT)
    after = (await dialog360.get("/v1/configs/webhook")).json()
    assert after == {
        "url": f"{OURS}/webhooks/360dialog",
        "headers": {"Authorization": f"Bearer {D360_SECRET}"},
    }
    await dialog360.post("/v1/configs/webhook", json=before)


async def test_an_inbox_is_made_once_found_again_and_its_secret_read(chatwoot: httpx.AsyncClient) -> None:
    only_said, doing = ChatwootAccount(chatwoot, 1, apply=False), ChatwootAccount(chatwoot, 1, apply=True)
    none, dry = await set_up_inbox(only_said, 0, OURS)
    assert (dry.outcome, none) == (Outcome.WOULD, None)
    inbox, made = await set_up_inbox(doing, 0, OURS)
    assert made.outcome is Outcome.DONE
    assert inbox is not None
    assert inbox["secret"]
    same, again = await set_up_inbox(doing, inbox["id"], OURS)
    assert (again.outcome, same) == (Outcome.RIGHT, inbox)
    assert inbox["lock_to_single_conversation"] is True
    assert inbox["webhook_url"] == f"{OURS}/webhooks/chatwoot"


async def test_a_moved_address_is_corrected_in_place(chatwoot: httpx.AsyncClient) -> None:
    only_said, doing = ChatwootAccount(chatwoot, 1, apply=False), ChatwootAccount(chatwoot, 1, apply=True)
    inbox, _ = await set_up_inbox(doing, 0, OURS)
    assert inbox is not None
    _, moved = await set_up_inbox(only_said, inbox["id"], "https://new.example.org")
    assert (moved.outcome, "webhook_url" in moved.said) == (Outcome.WOULD, True)
    same, moved = await set_up_inbox(doing, inbox["id"], "https://new.example.org")
    assert moved.outcome is Outcome.DONE
    assert same == {**inbox, "webhook_url": "https://new.example.org/webhooks/chatwoot"}
    await set_up_inbox(doing, inbox["id"], OURS)


async def test_wrong_keys_and_numbers_are_said_in_words(parts: Stack, chatwoot: httpx.AsyncClient) -> None:
    with pytest.raises(SetupError, match="CHATWOOT_INBOX_ID"):
        await set_up_inbox(ChatwootAccount(chatwoot, 1, apply=True), 4711, OURS)
    async with httpx.AsyncClient(base_url=parts.environ["DIALOG360_BASE_URL"]) as client:
        with pytest.raises(SetupError, match="DIALOG360_API_KEY"):
            await register_dialog360(client, OURS, D360_SECRET, apply=True)
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9") as client:
        with pytest.raises(SetupError, match="cannot be reached"):
            await register_dialog360(client, OURS, D360_SECRET, apply=True)


async def test_verify_walks_in_through_the_public_address(parts: Stack) -> None:
    url = f"http://127.0.0.1:{parts.ports[0]}"
    async with httpx.AsyncClient(base_url=url) as client:
        right = await verify(
            client,
            dialog360_secret=D360_SECRET,
            chatwoot_secret=CHATWOOT_SECRET,
            verify_token=VERIFY_TOKEN,
            account_id=1,
        )
        wrong = await verify(
            client, dialog360_secret="wrong", chatwoot_secret="wrong", verify_token="wrong", account_id=1
        )
    assert [step.outcome for step in right] == [Outcome.RIGHT] * 6, right
    refused = {step.name for step in wrong if step.outcome is Outcome.REFUSED}
    assert refused == {"360dialog, our header", "360dialog, signature", "chatwoot, signature", "360dialog, challenge"}


async def test_the_commands_do_all_of_it(parts: Stack) -> None:
    url = f"http://127.0.0.1:{parts.ports[0]}"
    (code, said), (verified, told) = await asyncio.gather(
        run(parts.environ, "webhooks", "setup", "--url", url, "--dry-run"),
        run(parts.environ, "webhooks", "verify", "--url", url),
    )
    assert code == 0, said
    assert "CHATWOOT_INBOX_ID=1" in said
    assert "hidden" in said
    assert CHATWOOT_SECRET not in said
    assert verified == 0, told
    code, said = await run({"DIALOG360_API_KEY": "x"}, "webhooks", "setup")
    assert code == 1
    assert "DIALOG360_WEBHOOK_SECRET, CHATWOOT_BASE_URL, CHATWOOT_API_TOKEN, CHATWOOT_ACCOUNT_ID" in said
    code, said = await run(parts.environ, "webhooks", "setup", "--url", url, "--dry-run", "--apply")
    assert code == 2
    assert "give one of them" in said


def left_in(parts: Stack) -> tuple[int, int]:
    state = parts.chatwoot.store.state
    return len(state.contacts), len(state.conversations)


async def test_a_note_in_chatwoot_comes_back_through_the_public_address_and_nothing_is_left(parts: Stack) -> None:
    url, before = f"http://127.0.0.1:{parts.ports[0]}", left_in(parts)
    code, said = await run(parts.environ, "webhooks", "verify", "--url", url)
    assert code == 0, said
    assert "signed webhook was accepted" in said
    # The same at the end of `setup`, now that a service answers.
    code, said = await run(parts.environ, "webhooks", "setup", "--url", url, "--apply")
    assert code == 0, said
    assert "signed webhook was accepted" in said
    assert left_in(parts) == before
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {OPS_TOKEN}"}) as client:
        told = (await client.get("/metrics")).text
    events = [line for line in told.splitlines() if line.startswith('webhook_events_total{channel="chatwoot"')]
    assert events
    assert all('outcome="ignored"' in line for line in events), "the service kept something of the check"


async def test_a_way_back_that_is_cut_is_told_with_chatwoots_reason(parts: Stack) -> None:
    url, inbox, before = f"http://127.0.0.1:{parts.ports[0]}", parts.chatwoot.store.state.inboxes[1], left_in(parts)
    inbox.secret, right = "another secret", inbox.secret
    try:
        code, said = await run(parts.environ, "webhooks", "verify", "--url", url)
    finally:
        inbox.secret = right
    assert code == 1
    assert "round trip" in said
    assert "could not deliver its webhook: 401" in said
    assert left_in(parts) == before


async def test_silence_is_a_fault_only_where_the_service_can_be_asked(parts: Stack) -> None:
    inbox, before = parts.chatwoot.store.state.inboxes[1], left_in(parts)
    account_client = httpx.AsyncClient(
        base_url=parts.environ["CHATWOOT_BASE_URL"], headers={"api_access_token": CHATWOOT_TOKEN}
    )
    inbox.webhook_url, right = "", inbox.webhook_url  # Chatwoot sends nothing, and so reports nothing
    try:
        async with account_client, httpx.AsyncClient(base_url=f"http://127.0.0.1:{parts.ports[0]}") as service:
            account = ChatwootAccount(account_client, 1, apply=True)
            unasked = await round_trip(account, 1, ServiceCount(service, "wrong"), patience=0.1)
            asked = await round_trip(account, 1, ServiceCount(service, OPS_TOKEN), patience=0.1)
    finally:
        inbox.webhook_url = right
    assert unasked.outcome is Outcome.RIGHT
    assert "reported no failure in 0.1 s" in unasked.said
    assert asked.outcome is Outcome.REFUSED
    assert "counted no webhook" in asked.said
    assert left_in(parts) == before
