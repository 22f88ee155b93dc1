"""What each health endpoint costs beside a bare raw ASGI route answered by the same process in the same rounds.

`python -m benchmarks.health [--rounds 5] [--count 20000]`. Goals: ≤ 1.5 × raw for the three fast ones; the time
budgets of each endpoint are printed beside the figures. Ten components are probed. /metrics carries what a busy service
has, 60 metrics of 10 label sets each, and adds up four workers that live and eight that were killed.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import httpx
import psutil
import uvicorn
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.health import HEALTH_PATHS, BuildInfo, HealthDoor
from app.api.health_prober import Probe, Prober, ProbeResult, Status
from app.api.ops_token import OpsGate
from app.api.startup import Startup
from app.draining import DRAINING
from app.serving import keep_memory_shared
from app.telemetry.metrics_registry import Bounded, counter, gauge, histogram
from app.telemetry.request_id import RequestContext
from benchmarks.load import Sample, load, median

ROOT = Path(__file__).parents[1]
TOKEN = "benchmark"  # noqa: S105
BARE = "/bare"
METRICS_PATH = "/metrics"
SERIES = "benchmark"
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 90.0, 150.0)
METRICS = 60
LABEL_SETS = 10
WORKERS = 4
KILLED = 8
# p95 in milliseconds (issue: health table).
BUDGET = {
    "/health": 10.0,
    "/health/liveness": 5.0,
    "/health/readiness": 10.0,
    "/health/detailed": 500.0,
    "/health/railway": 5.0,
    "/metrics": 100.0,
}


def declare_series() -> list[Bounded[Counter] | Bounded[Gauge] | Bounded[Histogram]]:
    """Metrics in the proportion in which the service declares counters, gauges and histograms; a counter is first."""
    kinds = sorted(
        found.type for found in REGISTRY.collect() if found.name.partition("_")[0] not in ("python", "process")
    )
    step = len(kinds) / METRICS
    made: list[Bounded[Counter] | Bounded[Gauge] | Bounded[Histogram]] = []
    for number in range(METRICS):
        kind, name = kinds[int(number * step)], f"{SERIES}_{number}"
        if kind == "counter":
            made.append(Bounded(counter(f"{name}_total", "Of the benchmark.", ("label",)), LABEL_SETS))
        elif kind == "histogram":
            made.append(Bounded(histogram(f"{name}_seconds", "Of the benchmark.", BUCKETS, ("label",)), LABEL_SETS))
        else:
            made.append(Bounded(gauge(name, "Of the benchmark.", ("label",)), LABEL_SETS))
    return made


def fill(series: Sequence[Bounded[Counter] | Bounded[Gauge] | Bounded[Histogram]]) -> None:
    """Call after the fork: a series belongs to the process that first names it."""
    for family in series:
        for number in range(LABEL_SETS):
            child = family(f"value-{number}")
            if isinstance(child, Histogram):
                child.observe(float(number))
            elif isinstance(child, Gauge):
                child.set(number)
            else:
                child.inc()


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
    series = declare_series()
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
            fill(series)
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
    config = uvicorn.Config(create_app(), port=port, log_config=None, access_log=False, loop="uvloop", lifespan="on")
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


async def until_filled(processes: int) -> int:
    """Wait until /metrics adds up what this many processes have filled; returns how many bytes a scrape has."""
    wanted = f'{SERIES}_0_total{{label="value-0"}} {float(processes)}'
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):  # a connection that the killed one had
                answer = await client.get(f"http://127.0.0.1:8964{METRICS_PATH}")
                if wanted in answer.text:
                    return len(answer.content)
            if time.monotonic() > deadline:
                raise RuntimeError(f"/metrics never counted {processes} processes")
            await asyncio.sleep(0.2)


@dataclass(frozen=True)
class Scrapes:
    """Fresh scrapes; `cpu_ms` is of all processes for one, `floor_ms` the bare route's p50 in the same rounds."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    floor_ms: float
    size: int


async def four_workers(scrapes: int) -> Scrapes:
    """Scrapes of preloaded workers through gunicorn after others were killed, beside the same processes' bare route."""
    environ = {"PORT": "8964", "WEB_CONCURRENCY": str(WORKERS), "ENVIRONMENT": "test"}
    async with child(8964, "gunicorn", "benchmarks.health:create_app()", **environ) as pid:
        await until_filled(WORKERS)
        for killed in range(KILLED):
            psutil.Process(pid).children()[0].kill()
            size = await until_filled(WORKERS + killed + 1)
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        await load(8964, pid, lambda: request(BARE), connections=16, count=4000)
        floors, samples, cpu = [], [], 0.0
        for _ in range(scrapes):
            floors.append(await load(8964, pid, lambda: request(BARE), connections=1, count=100))
            before = sum(sum(each.cpu_times()[:2]) for each in family)
            samples.append(await load(8964, pid, lambda: request(METRICS_PATH), connections=1, count=1))
            cpu += sum(sum(each.cpu_times()[:2]) for each in family) - before
            await asyncio.sleep(1.05)  # past the second for which a scrape is remembered
        waits = sorted(sample.p50_ms for sample in samples)
        return Scrapes(
            p50_ms=median(samples).p50_ms,
            p95_ms=waits[int(len(waits) * 0.95)],
            cpu_ms=cpu / scrapes * 1000,
            floor_ms=median(floors).p50_ms,
            size=size,
        )


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
    found = await four_workers(scrapes=20)
    print(
        f"\n/metrics, {METRICS} metrics × {LABEL_SETS} label sets, {WORKERS} workers alive, {KILLED} killed, "
        f"{found.size // 1024} KiB, fresh each time:\np50 {found.p50_ms:.1f} ms, p95 {found.p95_ms:.1f} ms "
        f"(budget {BUDGET[METRICS_PATH]:.0f}), CPU {found.cpu_ms:.1f} ms; "
        f"bare route {found.floor_ms:.2f} ms, × raw {found.p50_ms / found.floor_ms:.0f}"
    )


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
