"""What a webhook asks of Redis before its 200: one command, however much is in the body."""

import asyncio
import uuid
from typing import Any

import httpx
from redis.asyncio import Redis

from app.api.webhooks import Secrets, WebhookDoor
from app.mailbox.intake import Intake
from tests.fixtures.twins import D360_SECRET
from tests.journeys.test_many_at_once import body_of, signed, text


async def nowhere(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("the request was not for a door")


async def test_a_webhook_of_many_messages_is_one_round_trip_to_redis(redis_url: str) -> None:
    body = body_of(*[[text(f"316{uuid.uuid4().int % 10**8:08d}", "hello") for _ in range(5)] for _ in range(3)])
    commands: list[str] = []
    watching = asyncio.Event()
    end = f"end {uuid.uuid4()}"

    async def watch(watcher: Redis) -> None:
        async with watcher.monitor() as monitor:
            watching.set()
            while end not in (seen := await monitor.next_command())["command"]:
                if seen["client_type"] != "lua":  # what a script does within is no round trip
                    commands.append(f"{seen['client_address']}:{seen['client_port']} {seen['command'].split()[0]}")

    async with (
        Redis.from_url(redis_url) as ours,
        Redis.from_url(redis_url) as watcher,
        Redis.from_url(redis_url) as other,
    ):
        secrets = Secrets(dialog360=D360_SECRET, chatwoot="c", verify_token="v", chatwoot_account_id=1)
        woken: list[str] = []
        door = WebhookDoor(nowhere, Intake(ours, lambda address, _epoch: woken.append(address)), secrets)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door") as client:
            warm = body_of([text("31600000002", "opens the connection and loads the script")])
            assert (await client.post("/webhooks/360dialog", content=warm, headers=signed(warm))).status_code == 200
            mine = str((await ours.client_info())["addr"])  # its one pooled connection
            watched = asyncio.create_task(watch(watcher))
            await watching.wait()
            answer = await client.post("/webhooks/360dialog", content=body, headers=signed(body))
            assert answer.status_code == 200
            await other.echo(end)
            await watched
        assert len(woken) == 1 + 15
        assert [each.partition(" ")[2] for each in commands if each.startswith(mine)] == ["EVALSHA"]
