"""Memory of the service's processes: one web process, and four preloaded ones, early and after work.

`python -m benchmarks.memory [--messages 40]`. RSS counts shared pages in every process, PSS shares them out: PSS is
what the container pays. The floor, in the same run: a bare Python with uvicorn and FastAPI. Goal: four web workers
≤ 320 MB PSS at rest, ≤ 400 under load.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from app.local.postgres import PostgresServer
from tests.fixtures.stack import Stack, running_stack

SAID = "What do you know about me?"
_BARE = "import fastapi, uvicorn, time; print('up', flush=True); time.sleep(60)"


def memory(pid: int) -> str:
    """PSS and RSS in MB of a process and its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    each = [process.memory_full_info() for process in family]
    pss, rss = (sum(getattr(info, name) for info in each) / 2**20 for name in ("pss", "rss"))
    return f"{len(family)} processes, {pss:.0f} MB PSS, {rss:.0f} MB RSS"


def floor() -> str:
    """Memory of a Python that has only imported the web framework."""
    with subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None  # noqa: S101
        child.stdout.readline()
        told = memory(child.pid)
        child.kill()
    return told


async def measure(stack: Stack, workers: int, messages: int) -> None:
    """Print the memory of a service with so many web workers; more than one as in production, with a worker apart."""
    web = await stack.serve(WEB_CONCURRENCY=str(workers), WORKER_MODE="inline" if workers == 1 else "off")
    apart = [await stack.work()] if workers > 1 else []
    family = psutil.Process(web.child.pid)
    while workers > 1 and len(family.children()) < workers:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    phones = [await stack.candidate() for _ in range(20)]
    await asyncio.gather(*[phone.exchange(SAID) for phone in phones])  # everybody has come up
    print(f"{workers} web worker{'s' * (workers > 1)} after a first message: {memory(web.child.pid)}")
    for count in range(2, messages + 2):
        await asyncio.gather(*[phone.say(SAID) for phone in phones])
        await asyncio.gather(*[phone.until_said(count, seconds=60) for phone in phones])
    print(f"  after {(messages + 1) * len(phones)} messages: {memory(web.child.pid)}")
    for process in apart:
        print(f"  the worker apart: {memory(process.child.pid)}")
    for process in (web, *apart):
        process.child.terminate()
        await process.child.wait()


async def main(messages: int) -> None:
    """Print the figures."""
    print(f"floor, FastAPI and uvicorn imported: {floor()}")
    with tempfile.TemporaryDirectory() as name:
        server = PostgresServer(Path(name) / "postgres", durable=False)
        await server.start()
        for workers in (1, 4):
            async with running_stack(server, Path(name) / str(workers), more={"LOG_LEVEL": "WARNING"}) as stack:
                await measure(stack, workers, messages)
        await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=Path(__file__).stem)
    parser.add_argument("--messages", type=int, default=20)
    asyncio.run(main(parser.parse_args().messages))
