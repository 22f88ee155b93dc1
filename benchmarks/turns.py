"""Turns through one process: many candidates at once, then many turns of one conversation.

`python -m benchmarks.turns [--candidates 500] [--messages 200]`. Everything runs on this machine: figures are of the
service's own process (CPU from the process clock); the twins, gateway, Redis and Postgres share the cores with it.
The floor is the same graph on the same words without checkpoint, mailbox, record or vendors.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis.asyncio import Redis

from app.agents.graph import build_graph
from app.agents.guided.tier import guided_context
from app.agents.state import ConversationState, TurnInput
from app.recruiting.phrases import Company
from tests.fixtures.twins import free_port

WORDS = "Hello, I am looking for work as a driver."
WAVES = 3


@dataclass
class House:
    """A running local platform."""

    phone: httpx.AsyncClient
    service: psutil.Process
    redis: Redis

    def cpu(self) -> float:
        """Seconds of CPU that the service's process has used."""
        times = self.service.cpu_times()
        return times.user + times.system


@contextlib.asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    """`python -m app local` in a directory of its own, ready."""
    with free_port() as reserved:
        port = reserved.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "LOCAL_DATA_DIR": str(directory), "LOG_LEVEL": "WARNING"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "local", env=environ, stdout=asyncio.subprocess.DEVNULL
    )
    state = directory / "house.json"
    try:
        for _ in range(1200):
            if state.exists():
                break
            if child.returncode is not None:
                raise SystemExit("the house did not start; run ./start.sh local to see why")
            await asyncio.sleep(0.05)
        urls = json.loads(state.read_text())["urls"]
        service = next(
            each for each in psutil.Process(child.pid).children(recursive=True) if "serve" in each.cmdline()[-1:]
        )
        # Statuses in batches, as a busy number gets them; no limit per recipient.
        async with httpx.AsyncClient(base_url=urls["360dialog"], trust_env=False, timeout=60) as phone:
            await phone.patch("/_twin/settings", json={"pair_burst": 0, "batch_max": 20})
            yield House(phone, service, Redis.from_url(urls["redis"]))
    finally:
        child.terminate()
        await child.wait()


async def screen(client: httpx.AsyncClient, number: str) -> list[dict[str, Any]]:
    """What the phone shows."""
    messages: list[dict[str, Any]] = (await client.get(f"/_twin/candidates/{number}/screen")).json()["messages"]
    return messages


async def until_answered(client: httpx.AsyncClient, number: str, count: int, seconds: float) -> None:
    """Wait until the business has said `count` things."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        said = [message for message in await screen(client, number) if message["from"] == "business"]
        if len(said) >= count:
            return
        await asyncio.sleep(0.1)
    raise SystemExit(f"no answer within {seconds:.0f} s: a message was lost")


async def many_at_once(at: House, candidates: int) -> None:
    """Everybody writes in the same moment, WAVES times; nobody may be lost, nothing out of order."""
    numbers = [f"3161{number:07d}" for number in range(candidates)]
    for number in numbers:
        await at.phone.post("/_twin/candidates", json={"id": number, "wa_id": number, "name": "Candidate"})
    cpu, seconds, waits = at.cpu(), 0.0, []
    for wave in range(1, WAVES + 1):
        began = time.perf_counter()
        words = {"text": f"{WORDS} {wave}."}
        await asyncio.gather(*[at.phone.post(f"/_twin/candidates/{number}/say", json=words) for number in numbers])
        for number in numbers:  # one after the other: the waiting must not become the load
            await until_answered(at.phone, number, wave, 120)
        seconds += time.perf_counter() - began
    spent = at.cpu() - cpu
    for number in numbers:
        shown = await screen(at.phone, number)
        if [message["from"] for message in shown] != ["candidate", "business"] * WAVES:
            raise SystemExit("a conversation is out of order, or something was said twice")
        if [message["text"] for message in shown[::2]] != [f"{WORDS} {wave}." for wave in range(1, WAVES + 1)]:
            raise SystemExit("a conversation is out of order")
        pairs = zip(shown[::2], shown[1::2], strict=True)
        waits += [answer["at"] - asked["at"] for asked, answer in pairs]
    waits.sort()
    turns = candidates * WAVES
    print(f"{candidates} candidates at once, {WAVES} messages each: {turns / seconds:.0f} turns/s, none lost, in order")
    print(
        f"  reply after p50 {statistics.median(waits):.2f} s, p99 {waits[int(len(waits) * 0.99)]:.2f} s (settle 1.2 s)"
    )
    print(f"  CPU of the service {spent / turns * 1000:.1f} ms a message, webhooks and mirror included")
    print(f"  RSS {at.service.memory_info().rss / 2**20:.0f} MB")


async def idle_share(at: House) -> float:
    """Seconds of CPU a second that the process uses while nothing happens: polling for tasks, health probes."""
    shares = []
    for _ in range(6):  # the mirror of a burst may still be catching up in the first windows
        before, began = at.cpu(), time.perf_counter()
        await asyncio.sleep(3)
        shares.append((at.cpu() - before) / (time.perf_counter() - began))
    print(f"idle: {min(shares) * 100:.1f} % of one core")
    return min(shares)


async def one_conversation(at: House, messages: int) -> float:
    """CPU of a turn early and late in one conversation; returns the median in ms."""
    number = "31699999999"
    await at.phone.post("/_twin/candidates", json={"id": number, "wa_id": number, "name": "Candidate"})
    costs = []
    idle = await idle_share(at)
    for turn in range(messages):
        before, began = at.cpu(), time.perf_counter()
        await at.phone.post(f"/_twin/candidates/{number}/say", json={"text": "What do you know about me?"})
        await until_answered(at.phone, number, 1 if turn == 0 else turn + 1, 30)
        costs.append((at.cpu() - before - idle * (time.perf_counter() - began)) * 1000)
    early, late = statistics.median(costs[5:25]), statistics.median(costs[-20:])
    print(
        f"one conversation, {messages} turns: CPU {early:.1f} ms early, {late:.1f} ms late (idle CPU taken off), "
        f"ratio {late / early:.2f}"
    )
    return statistics.median(costs)


async def idle_keys(at: House) -> None:
    """What conversations leave in Redis."""
    kept = [key async for key in at.redis.scan_iter(match="*", count=1000) if b"wa:" in key or b"checkpoint" in key]
    size = sum([await at.redis.memory_usage(key) or 0 for key in kept[:2000]])
    people = len({key for key in kept if key.endswith(b":h")})
    kilobytes = size / min(len(kept), 2000) * len(kept) / people / 1024
    print(f"idle conversations: {len(kept) / people:.1f} keys, {kilobytes:.1f} KB each")


async def floor() -> float:
    """CPU in ms of the bare graph on the same words."""
    graph, context = build_graph(), guided_context(Company(name="x", privacy_url="https://x.example", alternative="x"))
    conversation = ConversationState(
        language=None, intake={}, facts=[], consents=[], owner="assistant", opted_out=False, transcript=[],
        window_expires_at=None,
    )  # fmt: skip
    message = {"message_id": "m", "sent_at": 1.79e9, "kind": "text", "text": WORDS}
    costs = []
    for turn in range(60):
        given = TurnInput(
            turn_id=str(turn), attempt=0, now=1.79e9, conversation=conversation, inbound=[message], notes=[]
        )
        before = time.process_time()
        await graph.ainvoke(given, context=context)
        costs.append((time.process_time() - before) * 1000)
    return statistics.median(costs)


async def main(candidates: int, messages: int) -> None:
    """Print the figures."""
    bare = await floor()
    with tempfile.TemporaryDirectory() as directory:
        async with house(Path(directory) / "data") as at:
            await many_at_once(at, candidates)
            cost = await one_conversation(at, messages)
            await idle_keys(at)
    print(f"floor, the bare graph: {bare:.2f} ms; a turn costs {cost / bare:.1f} × that")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--messages", type=int, default=100)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.candidates, arguments.messages))
