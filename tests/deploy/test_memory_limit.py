"""A container with less memory than WEB_CONCURRENCY needs: fewer workers, and the log says why."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson
import pytest

from app.api import health_system
from tests.ground.test_house import free_port

ROOT = Path(__file__).parents[2]
MIB = 2**20
# Gunicorn as `./start.sh` runs it, in a container whose limits stand in another folder.
IN_A_CONTAINER = (
    "import sys; from pathlib import Path; from app.api import health_system;"
    "health_system._CGROUP = Path(sys.argv.pop(1));"
    "from gunicorn.app.wsgiapp import run; run()"
)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": str(512 * MIB)}, 512 * MIB),
        ({"memory/memory.limit_in_bytes": str(256 * MIB)}, 256 * MIB),  # cgroup v1
        ({"memory.max": "max"}, None),
        ({"memory/memory.limit_in_bytes": str(2**63 - 4096)}, None),  # how v1 says "none"
        ({}, None),
    ],
)
def test_the_limit_is_read_where_the_kernel_puts_it(
    files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    monkeypatch.setattr(health_system, "_CGROUP", tmp_path)
    assert health_system.memory_limit() == limit


async def test_workers_that_would_not_fit_are_not_started_and_the_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{512 * MIB}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IN_A_CONTAINER, str(tmp_path), "tests.deploy.small_app:create_app()"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(free_port()), "WEB_CONCURRENCY": "8", "WORKER_MODE": "inline"},
        stdout=PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in process.stdout:
                event = orjson.loads(line)
                if event["message"] == "workers.lowered":
                    break
    finally:
        process.terminate()
        await process.communicate()
    told = {name: event[name] for name in ("reason", "asked_count", "workers_count", "limit_mb")}
    assert told == {"reason": "memory_limit", "asked_count": 8, "workers_count": 3, "limit_mb": 512}
