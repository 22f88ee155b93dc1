"""A bounded HTTP load from this process and the CPU that it costs the server's process."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Sample:
    """One round: CPU of the server per request in µs, requests per second, latencies in ms, answers other than 200."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int


async def _connection(
    port: int, requests: Callable[[], bytes], count: int, latencies: list[float], failures: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        request = requests()
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        latencies.append((time.perf_counter() - began) * 1000)
        if not head.startswith(b"HTTP/1.1 200"):
            failures.append(1)
    writer.close()


async def load(port: int, pid: int, requests: Callable[[], bytes], *, connections: int, count: int) -> Sample:
    """Send `count` requests over `connections` kept-alive connections and look at the server's process clock."""
    process = psutil.Process(pid)
    latencies: list[float] = []
    failures: list[int] = []
    before, began = process.cpu_times(), time.perf_counter()
    each = count // connections
    await asyncio.gather(*[_connection(port, requests, each, latencies, failures) for _ in range(connections)])
    seconds = time.perf_counter() - began
    after = process.cpu_times()
    cpu = (after.user + after.system) - (before.user + before.system)
    latencies.sort()
    sent = each * connections
    return Sample(
        cpu_us=cpu / sent * 1e6,
        per_second=sent / seconds,
        p50_ms=statistics.median(latencies),
        p95_ms=latencies[int(len(latencies) * 0.95)],
        p99_ms=latencies[int(len(latencies) * 0.99)],
        failed=len(failures),
    )


def median(samples: list[Sample]) -> Sample:
    """Field by field."""

    def middle(name: str) -> float:
        return statistics.median(float(getattr(each, name)) for each in samples)

    return Sample(
        cpu_us=middle("cpu_us"),
        per_second=middle("per_second"),
        p50_ms=middle("p50_ms"),
        p95_ms=middle("p95_ms"),
        p99_ms=middle("p99_ms"),
        failed=sum(each.failed for each in samples),
    )
