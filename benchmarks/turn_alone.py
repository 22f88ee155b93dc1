"""A turn without model time and without what stands around it: no webhook, no mirror, no twin in the process.

`python -m benchmarks.turn_alone [--conversations 20] [--rounds 60]`. A process of its own takes mailboxes and works on
them as a worker does, from the lease to the receipt of the WhatsApp reply: mailbox, graph with synchronous checkpoints
and prune, commit, delivery. Measured is that process's clock; Redis, Postgres, gateway and twins run beside it.
The floor is the same graph on the same words with no server at all. Goal: ≤ 15 ms CPU, ≥ 60 turns/s per core, and
message 10 as cheap as the last within 10 %.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.channels.whatsapp_inbound import address_of
from app.engine.settling import Pace, wait_seconds
from app.local.postgres import PostgresServer
from app.settings import load_settings
from app.telemetry.logs import setup_logging
from app.wiring import Desk
from benchmarks.turns import floor
from tests.fixtures.stack import NUMBER_ID, Phone, running_stack

PACE = {"SETTLE_SHORT_SECONDS": "0.01", "SETTLE_LONG_SECONDS": "0.01", "SETTLE_CAP_SECONDS": "0.02"}
SAID = ("Hello, I am looking for work.", "What do you know about me?", "I can start next week.")


@dataclass(frozen=True)
class Round:
    """One turn of every conversation: CPU in ms a turn, turns per second of the clock."""

    cpu_ms: float
    per_second: float


async def work() -> None:
    """The child: handle the mailboxes that a line of standard input names, answer with one line of figures.

    On standard error: standard output is the log's.
    """
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings = load_settings()
    pace = Pace(settings.settle_short_seconds, settings.settle_long_seconds, settings.settle_cap_seconds)
    setup_logging(level="WARNING", human=False)
    async with Desk(settings, works=False).running() as desk:
        engine = desk.engine()
        await desk.startup.run()

        async def handle(address: str) -> None:
            await engine.wake(address, 0, 1)
            if (left := await desk.mailbox.clock(address)) is not None:
                raise SystemExit(f"{address} was not handled: {left} {wait_seconds(pace, left)}")

        while line := await reader.readline():
            addresses = line.decode().split()
            for address in addresses:
                while (clock := await desk.mailbox.clock(address)) is None or wait_seconds(pace, clock) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            cpu, began = time.process_time(), time.perf_counter()
            await asyncio.gather(*[handle(address) for address in addresses])
            seconds = time.perf_counter() - began
            print(json.dumps({"cpu": time.process_time() - cpu, "seconds": seconds}), file=sys.stderr)


async def measure(conversations: int, rounds: int) -> list[Round]:
    """Figures of each round."""
    results = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = PostgresServer(directory / "postgres", durable=False)
        await server.start()
        async with running_stack(server, directory / "stack", more=PACE) as stack:
            await stack.whatsapp_http.patch("/_twin/settings", json={"pair_burst": 0})
            await stack.serve(WORKER_MODE="off", LOG_LEVEL="WARNING")  # only the door
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.turn_alone", "--work",
                env={**os.environ, **stack.environ, "PORT": "8000", "LOG_LEVEL": "WARNING"},
                stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert child.stdin is not None and child.stderr is not None  # noqa: PT018, S101
            phones: list[Phone] = [await stack.candidate() for _ in range(conversations)]
            for number in range(rounds):
                await asyncio.gather(*[phone.say(SAID[number % len(SAID)]) for phone in phones])
                child.stdin.write((" ".join(address_of(NUMBER_ID, phone.number) for phone in phones) + "\n").encode())
                line = await child.stderr.readline()
                if not line.startswith(b"{"):
                    raise SystemExit((line + await child.stderr.read()).decode())
                figures = json.loads(line)
                results.append(Round(figures["cpu"] / conversations * 1000, conversations / figures["seconds"]))
            child.stdin.close()
            await child.wait()
        await server.stop()
    return results


async def main(conversations: int, rounds: int) -> None:
    """Print the figures."""
    bare = await floor()
    results = await measure(conversations, rounds)
    early, late = results[9:19], results[-10:]
    cpu = statistics.median(each.cpu_ms for each in results[3:])
    rate = statistics.median(each.per_second for each in results[3:])
    print(f"{conversations} conversations, {rounds} turns each, medians")
    print(
        f"a turn: {cpu:.1f} ms CPU = {1000 / cpu:.0f} turns/s per core; "
        f"{rate:.0f} turns/s with all servers on these cores"
    )
    print(
        f"message 10-19: {statistics.median(each.cpu_ms for each in early):.1f} ms, "
        f"the last ten: {statistics.median(each.cpu_ms for each in late):.1f} ms"
    )
    print(f"floor, the bare graph: {bare:.2f} ms; a turn costs {cpu / bare:.1f} × that")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=Path(__file__).stem)
    parser.add_argument("--work", action="store_true")
    parser.add_argument("--conversations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    asyncio.run(work() if arguments.work else main(arguments.conversations, arguments.rounds))
