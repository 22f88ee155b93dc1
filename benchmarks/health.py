"""What each health endpoint costs beside a bare raw ASGI route answered by the same process in the same rounds.

`python -m benchmarks.health [--rounds 5] [--count 20000]`. Goals: ≤ 1.5 × raw for the three fast ones; the time
budgets of each endpoint are printed beside the figures. Ten components are probed; /metrics adds up four workers.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import cache, partial
from pathlib import Path

import psutil
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.health import HEALTH_PATHS, BuildInfo, HealthDoor
from app.api.health_prober import Probe, Prober, ProbeResult, Status
from app.api.ops_token import OpsGate
from app.api.startup import Startup
from app.draining import DRAINING
from app.serving import keep_memory_shared
from app.telemetry.request_id import RequestContext
from benchmarks.load import Sample, load, median

ROOT = Path(__file__).parents[1]
TOKEN = "benchmark"  # noqa: S105
BARE = "/bare"
# p95 in milliseconds (issue: health table).
BUDGET = {
    "/health": 10.0,
    "/health/liveness": 5.0,
    "/health/readiness": 10.0,
    "/health/detailed": 500.0,
    "/health/railway": 5.0,
    "/metrics": 100.0,
}


async def bare(_scope: Scope, receive: Receive, send: Send) -> None:
    """The floor: raw ASGI answering 200."""
    await receive()
    body = b'{"status":"pass"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def create_app() -> ASGIApp:
    """The real doors over ten components that are well, the prober running as in production."""

    async def check() -> ProbeResult:
        await asyncio.sleep(0.005)
        return ProbeResult(Status.PASS, detail={"breaker": "closed", "http_status": 200})

    prober = Prober([Probe(f"component-{number}", check, critical=number < 3) for number in range(10)])
    ordinary = RequestContext(bare)
    doors = HealthDoor(
        ordinary,
        prober=prober,
        startup=Startup([]),
        gate=OpsGate(TOKEN, strict=True),
        build=BuildInfo(commit="abc1234", environment="production", replica="r", region="eu", deployment="d"),
        draining=DRAINING,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            prober.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await prober.stop()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == BARE:
            await bare(scope, receive, send)
        else:
            await doors(scope, receive, send)

    return app


def serve(port: int) -> None:
    """Runs in the child process."""
    config = uvicorn.Config(create_app(), port=port, log_config=None, access_log=False, loop="uvloop")
    keep_memory_shared()
    uvicorn.Server(config).run()


@contextlib.asynccontextmanager
async def child(port: int, *command: str, **environ: str) -> AsyncIterator[int]:
    """A server of ours; yields its pid once it listens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(400):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


@cache
def request(path: str) -> bytes:
    """One GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\n\r\n".encode()


async def one_process(rounds: int, count: int) -> dict[str, Sample]:
    """Interleaved rounds over every endpoint of one process, 16 connections."""
    results: dict[str, list[Sample]] = {path: [] for path in (BARE, *HEALTH_PATHS)}
    with tempfile.TemporaryDirectory() as directory:
        environ = {"PROMETHEUS_MULTIPROC_DIR": directory}
        async with child(8963, "benchmarks.health", "--serve", "8963", **environ) as pid:
            for _ in range(rounds):
                for path, samples in results.items():
                    wanted = count // 20 if path == "/metrics" else count
                    samples.append(await load(8963, pid, partial(request, path), connections=16, count=wanted))
    return {path: median(samples) for path, samples in results.items()}


async def four_workers(scrapes: int) -> tuple[Sample, float]:
    """Scrapes of four preloaded workers through gunicorn; the sample's CPU is of all processes per scrape, in µs."""
    environ = {"PORT": "8964", "WEB_CONCURRENCY": "4", "ENVIRONMENT": "test"}
    async with child(8964, "gunicorn", "benchmarks.health:create_app()", **environ) as pid:
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        await load(8964, pid, lambda: request("/health"), connections=16, count=4000)
        before = sum(sum(each.cpu_times()[:2]) for each in family)
        samples = []
        for _ in range(scrapes):
            samples.append(await load(8964, pid, lambda: request("/metrics"), connections=1, count=1))
            await asyncio.sleep(1.05)  # past the second for which a scrape is remembered
        cpu = (sum(sum(each.cpu_times()[:2]) for each in family) - before) / scrapes
        slowest = sorted(sample.p50_ms for sample in samples)[int(len(samples) * 0.95)]
        return median(samples), max(slowest, cpu * 1000)


async def main(rounds: int, count: int) -> None:
    """Print the table."""
    results = await one_process(rounds, count)
    floor = results[BARE].cpu_us
    print(f"one process, 16 connections, {rounds} interleaved rounds of {count}, medians")
    print(f"{'endpoint':20} {'CPU µs':>8} {'× raw':>6} {'p50 ms':>8} {'p95 ms':>8} {'budget':>7} {'failed':>6}")
    for path, each in results.items():
        budget = f"{BUDGET[path]:.0f}" if path in BUDGET else "-"
        print(
            f"{path:20} {each.cpu_us:8.1f} {each.cpu_us / floor:6.2f} {each.p50_ms:8.2f} {each.p95_ms:8.2f} "
            f"{budget:>7} {each.failed:6}"
        )
    scrape, worst = await four_workers(scrapes=10)
    print(f"\n/metrics of four workers, fresh each time: p50 {scrape.p50_ms:.1f} ms, p95 {worst:.1f} ms (budget 100)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
    else:
        asyncio.run(main(given.rounds, given.count))
