"""What failed every try is not lost: an operator sees it without personal data, and sends it once more."""

import httpx
import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.local.postgres import PostgresServer
from app.mailbox.mailbox import Mailbox
from tests.fixtures.stack import NUMBER_ID, OPS_TOKEN, running_stack

AUTHORIZED = {"authorization": f"Bearer {OPS_TOKEN}"}


async def test_a_parked_turn_is_listed_and_answered_after_it_is_rearmed(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_stack(postgres, tmp_path_factory.mktemp("dead"), WORKER_MODE="off") as stack:
        web = await stack.serve()
        phone = await stack.candidate()
        await phone.say("Hello, I am looking for work")
        await stack.whatsapp_http.get("/_twin/idle")  # the webhook has been answered
        address = address_of(NUMBER_ID, phone.number)
        async with (
            Redis.from_url(stack.redis.url) as redis,
            httpx.AsyncClient(base_url=web.url, trust_env=False) as client,
        ):
            mailbox = Mailbox(redis, lease_seconds=1.0)
            while (taken := await mailbox.take(address)).lease:
                await mailbox.release(taken.lease, counts=True)
            assert taken.parked == 1

            assert (await client.get("/api/v1/dead-letters")).status_code == 401
            wrong = {"authorization": "Bearer wrong"}
            refused = await client.get("/api/v1/dead-letters", headers=wrong)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
            assert refused.json()["request_id"]

            listed = (await client.get("/api/v1/dead-letters", headers=AUTHORIZED)).json()["dead_letters"]
            assert [(each["id"], each["kind"], each["events"]) for each in listed] == [(address, "turn", 1)]
            assert phone.number not in str(listed)
            assert "looking for work" not in str(listed)

            missing = await client.post("/api/v1/dead-letters/wa:1:none/rearm", headers=AUTHORIZED)
            assert (missing.status_code, missing.json()["type"].rsplit(":")[-1]) == (404, "not-found")
            rearmed = await client.post(f"/api/v1/dead-letters/{address}/rearm", headers=AUTHORIZED)
            assert rearmed.json() == {"id": address, "rearmed": True, "events": 1}
            await stack.work()
            await phone.until_said(1, seconds=30)
            assert (await client.get("/api/v1/dead-letters", headers=AUTHORIZED)).json() == {"dead_letters": []}
