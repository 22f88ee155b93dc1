"""From the command to ready: `./start.sh local`, installed, on empty data and on data of a run before.

`python -m benchmarks.start [--rounds 5]`. The floor, in the same rounds: Redis and Postgres alone, started by the same
code in a fresh process, on data of the same kind; what is left is ours: imports, migrations, twins, the service. Goal:
warm ≤ 10 s.
"""

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from app.local.postgres import PostgresServer
from app.local.redis import RedisServer
from tests.fixtures.twins import free_port

ROOT = Path(__file__).parents[1]


async def servers(directory: Path) -> None:
    """The child of the floor: both servers up, told on standard output, and down again."""
    redis, postgres = RedisServer(directory / "redis"), PostgresServer(directory / "postgres")
    try:
        await redis.start()
        await postgres.start()
        print("ready after", flush=True)
    finally:
        await postgres.stop()
        await redis.stop()


async def until_ready(command: list[str], directory: Path) -> float:
    """Seconds until the command says that it is ready; it is ended then."""
    with free_port() as reserved:
        port = reserved.getsockname()[1]
    environ = {**os.environ, "LOCAL_DATA_DIR": str(directory), "PORT": str(port)}
    began = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert child.stdout is not None  # noqa: S101
    said = []
    try:
        async with asyncio.timeout(120):
            while line := await child.stdout.readline():
                said.append(line.decode())
                if "ready after" in said[-1]:
                    return time.perf_counter() - began
        raise SystemExit("it did not become ready:\n" + "".join(said))
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
        await child.communicate()


async def main(rounds: int) -> None:
    """Print the figures."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            for what, command in (
                ("servers alone", [sys.executable, "-m", "benchmarks.start", "--servers"]),
                ("the platform", ["./start.sh", "local"]),
            ):
                directory = Path(name) / what
                for state in ("empty", "kept"):
                    taken = await until_ready(
                        [*command, *([str(directory)] if "--servers" in command else [])], directory
                    )
                    seconds.setdefault(f"{what}, data {state}", []).append(taken)
                shutil.rmtree(directory)
    figures = {what: statistics.median(taken) for what, taken in seconds.items()}
    for what, taken in figures.items():
        print(f"{what:28} {taken:5.2f} s")
    for state in ("empty", "kept"):
        ratio = figures[f"the platform, data {state}"] / figures[f"servers alone, data {state}"]
        print(f"data {state}: {ratio:.1f} × the floor")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=Path(__file__).stem)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", type=Path)
    arguments = parser.parse_args()
    asyncio.run(servers(arguments.servers) if arguments.servers else main(arguments.rounds))
