"""What accepting a webhook durably costs, beside the floor: raw ASGI answering 200, in the same run.

`python -m benchmarks.webhooks [--rounds 5] [--count 20000]`. The goal is ≤ 2.5 × raw.
"""

import argparse
import asyncio
import contextlib
import gc
import hashlib
import hmac
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.webhooks import Secrets, WebhookDoor
from app.local.redis import redis_server
from app.mailbox.intake import Intake
from app.telemetry.logs import setup_logging
from app.telemetry.request_id import RequestContext
from app.wiring import redis_client
from benchmarks.load import Sample, load, median

SECRET = "benchmark"  # noqa: S105
_numbers = itertools.count()


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """The floor: read the body, answer 200."""
    if scope["type"] != "http":
        return
    await receive()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def door() -> ASGIApp:
    """The real door with request id, metrics, log line and limits, in front of nothing."""
    setup_logging(level="INFO", human=False)
    intake = Intake(redis_client(os.environ["REDIS_URL"], connections=50), lambda _address, _epoch: None)
    secrets = Secrets(dialog360=SECRET, chatwoot=SECRET, verify_token=SECRET, chatwoot_account_id=1)
    return RequestContext(WebhookDoor(raw, intake, secrets))


def serve(variant: str, port: int) -> None:
    """Runs in the child process."""
    app = raw if variant == "raw" else door()
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off", loop="uvloop")
    server = uvicorn.Server(config)
    gc.freeze()
    gc.set_threshold(50000, 20, 50)
    server.run()


def webhook(messages: int) -> Callable[[], bytes]:
    """Makes signed requests of `messages` new messages of about 1 KB together."""

    def make() -> bytes:
        number = next(_numbers)
        items = [
            {
                "from": f"316{(number + index) % 500:08d}",
                "id": f"wamid.{os.getpid()}.{number}.{index}",
                "timestamp": "1790000000",
                "type": "text",
                "text": {"body": "I can start on Monday and I have a forklift licence. " * (8 // messages or 1)},
            }
            for index in range(messages)
        ]
        value = {"metadata": {"phone_number_id": "105"}, "messages": items}
        body = json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST /webhooks/360dialog HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-360dialog-signature: {signature}\r\n\r\n"
        )
        return head.encode() + body

    return make


@contextlib.asynccontextmanager
async def served(variant: str, port: int, redis_url: str) -> AsyncIterator[int]:
    """A child process that serves one variant; yields its pid."""
    command = [sys.executable, "-m", "benchmarks.webhooks", "--serve", variant, "--port", str(port)]
    child = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "REDIS_URL": redis_url}, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        yield child.pid
    finally:
        child.terminate()
        await child.wait()


async def compare(
    appendfsync: Literal["everysec", "always"], rounds: int, count: int, connections: int
) -> dict[str, Sample]:
    """Interleaved rounds of raw, one message, and ten messages per webhook."""
    results: dict[str, list[Sample]] = {"raw": [], "stored": [], "stored x10": []}
    async with (
        redis_server(None, appendfsync=appendfsync) as redis_url,
        served("raw", 8961, redis_url) as raw_pid,
        served("door", 8962, redis_url) as door_pid,
    ):
        for _ in range(rounds):
            one, ten = webhook(1), webhook(10)
            results["raw"].append(await load(8961, raw_pid, one, connections=connections, count=count))
            results["stored"].append(await load(8962, door_pid, one, connections=connections, count=count))
            results["stored x10"].append(await load(8962, door_pid, ten, connections=connections, count=count // 4))
    return {name: median(samples) for name, samples in results.items()}


async def main(rounds: int, count: int, connections: int) -> None:
    """Print the figures."""
    modes: tuple[Literal["everysec", "always"], ...] = ("everysec", "always")
    for appendfsync in modes:
        results = await compare(appendfsync, rounds, count, connections)
        floor = results["raw"].cpu_us
        print(f"\nappendfsync {appendfsync}, {connections} connections, {rounds} rounds of {count}, medians")
        print(f"{'variant':12} {'CPU µs':>8} {'× raw':>6} {'req/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'failed':>6}")
        for name, each in results.items():
            print(
                f"{name:12} {each.cpu_us:8.1f} {each.cpu_us / floor:6.2f} {each.per_second:8.0f} "
                f"{each.p50_ms:7.2f} {each.p99_ms:7.2f} {each.failed:6}"
            )
        extra = (results["stored x10"].cpu_us - results["stored"].cpu_us) / 9
        print(f"each further event of a webhook: {extra:.1f} µs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=Path(__file__).stem)
    parser.add_argument("--serve")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=16000)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.port)
    else:
        asyncio.run(main(arguments.rounds, arguments.count, arguments.connections))
