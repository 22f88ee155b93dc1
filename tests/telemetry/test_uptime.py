"""Uptime is that of the process which answers, not of the parent that loaded the application for it."""

import os
import signal
import time

import httpx

from tests.deploy.test_serving import answers, running, until


async def test_a_replaced_worker_is_younger_than_its_parent() -> None:
    async with running(workers=2) as replica, httpx.AsyncClient(base_url=replica.url) as client:
        await until(lambda: answers(client), 30)
        victim = next(iter(await replica.pids(client)))
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()

        async def one_is_younger() -> bool:
            try:
                told = (await client.get("/health", headers={"connection": "close"})).json()["uptime_seconds"]
            except httpx.TransportError:  # a request that the killed worker had taken
                return False
            return bool(told < time.monotonic() - killed)

        await until(one_is_younger, 20)
