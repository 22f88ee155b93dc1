"""`webhooks setup` leaves both vendors pointing at us, twice as well as once; `verify` proves the way back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.local.chatwoot_twin import ChatwootTwinConfig, create_chatwoot_twin
from app.local.postgres import PostgresServer
from app.operations.webhooks_setup import Outcome, SetupError, register_chatwoot, register_dialog360, verify
from tests.deploy.test_preflight import run
from tests.fixtures.stack import CHATWOOT_SECRET, CHATWOOT_TOKEN, VERIFY_TOKEN, Stack, running_stack
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
    dry, none = await register_chatwoot(chatwoot, 1, 0, OURS, apply=False)
    assert (dry.outcome, none) == (Outcome.WOULD, None)
    made, inbox = await register_chatwoot(chatwoot, 1, 0, OURS, apply=True)
    assert made.outcome is Outcome.DONE
    assert inbox is not None
    assert inbox.secret
    again, same = await register_chatwoot(chatwoot, 1, inbox.id, OURS, apply=True)
    assert (again.outcome, same) == (Outcome.RIGHT, inbox)
    shown = (await chatwoot.get(f"/api/v1/accounts/1/inboxes/{inbox.id}")).json()
    assert shown["lock_to_single_conversation"] is True
    assert shown["webhook_url"] == f"{OURS}/webhooks/chatwoot"


async def test_a_moved_address_is_corrected_in_place(chatwoot: httpx.AsyncClient) -> None:
    _, inbox = await register_chatwoot(chatwoot, 1, 0, OURS, apply=True)
    assert inbox is not None
    moved, _ = await register_chatwoot(chatwoot, 1, inbox.id, "https://new.example.org", apply=False)
    assert (moved.outcome, "webhook_url" in moved.said) == (Outcome.WOULD, True)
    moved, same = await register_chatwoot(chatwoot, 1, inbox.id, "https://new.example.org", apply=True)
    assert (moved.outcome, same) == (Outcome.DONE, inbox)
    await register_chatwoot(chatwoot, 1, inbox.id, OURS, apply=True)


async def test_wrong_keys_and_numbers_are_said_in_words(parts: Stack, chatwoot: httpx.AsyncClient) -> None:
    with pytest.raises(SetupError, match="CHATWOOT_INBOX_ID"):
        await register_chatwoot(chatwoot, 1, 4711, OURS, apply=True)
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
