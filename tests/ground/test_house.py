"""`./start.sh local`: one command brings every part up, says why when it cannot, and leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from redis.asyncio import Redis

ROOT = Path(__file__).parents[2]
UNSET = (
    "REDIS_",
    "SUPABASE_",
    "DATABASE_",
    "DIALOG360_",
    "CHATWOOT_",
    "ANTHROPIC_",
    "OPENAI_",
    "RAILWAY_",
    "ENVIRONMENT",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until(what: str, holds: Callable[[], bool], *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@dataclass
class Instance:
    """One `python -m app local` and everything it started."""

    process: asyncio.subprocess.Process
    data_dir: Path
    port: int
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state_file(self) -> Path:
        return self.data_dir / "house.json"

    def part(self, name: str) -> str:
        url: str = json.loads(self.state_file.read_text())["urls"][name]
        return url

    def _is_ready(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return bool(json.loads(self.state_file.read_text())["pid"] == self.process.pid)
        return False

    async def until_ready(self) -> "Instance":
        await until("the house is ready", lambda: self._is_ready() or self.process.returncode is not None)
        assert self.process.returncode is None, await self.said()
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return self

    async def said(self) -> str:
        """Everything it wrote; returns once it ended."""
        assert self.process.stdout is not None
        return (await self.process.stdout.read()).decode()

    async def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), 60)

    async def until_nobody_is_left(self) -> None:
        def gone() -> bool:
            return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in self.family)

        await until(f"nothing is left of {self.family}", gone, seconds=40)


@dataclass
class Houses:
    """Starts instances and ends those that a failed test left behind."""

    tmp_path: Path
    started: list[Instance] = field(default_factory=list)

    async def start(
        self, *arguments: str, data_dir: Path | None = None, port: int = 0, variables: Mapping[str, str] | None = None
    ) -> Instance:
        data_dir = data_dir or self.tmp_path / "data"
        port = port or free_port()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(UNSET)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "local", *arguments),
            cwd=ROOT,
            env={**inherited, "LOCAL_DATA_DIR": str(data_dir), "PORT": str(port), **(variables or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        instance = Instance(process, data_dir, port)
        self.started.append(instance)
        return instance

    async def refusal(self, *arguments: str, **options: object) -> str:
        """The one line with which an instance refuses to start."""
        instance = await self.start(*arguments, **options)  # type: ignore[arg-type]
        said = await asyncio.wait_for(instance.said(), 60)
        assert await instance.process.wait() == 1, said
        (line,) = [line for line in said.splitlines() if line.startswith("start.sh local: ")]
        assert "Traceback" not in said
        return line


@pytest.fixture
async def houses(tmp_path: Path) -> AsyncIterator[Houses]:
    made = Houses(tmp_path)
    yield made
    for instance in made.started:
        if instance.process.returncode is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(instance.process.pid).children(recursive=True):
                    child.kill()
            instance.process.kill()
            await instance.process.wait()


async def test_one_command_brings_everything_up_once_and_ctrl_c_leaves_nothing(houses: Houses) -> None:
    house = await (await houses.start()).until_ready()
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"{house.url}/health/readiness")
        assert ready.status_code == 200, ready.text
        gateway = await client.get(f"{house.part('supabase')}/rest/v1/candidates")
        assert gateway.status_code == 401  # it is there, and asks for a key
    assert house.state_file.stat().st_mode & 0o077 == 0
    assert (house.data_dir / "secrets.json").stat().st_mode & 0o077 == 0
    assert len(house.family) >= 3  # Redis, Postgres, the service
    refusal = await houses.refusal()  # a second one on the same data
    assert f"process {house.process.pid}" in refusal
    assert "LOCAL_DATA_DIR" in refusal
    assert await house.stop() == 0
    said = await house.said()
    assert "ready after" in said
    assert house.url in said
    assert "./start.sh chat" in said
    assert not house.state_file.exists()
    await house.until_nobody_is_left()


async def test_a_killed_house_leaves_nothing_running_and_its_data_until_a_fresh_start(houses: Houses) -> None:
    for arguments, expected, end in (
        ((), None, signal.SIGKILL),
        ((), b"kept", signal.SIGTERM),
        (("--fresh",), None, signal.SIGTERM),
    ):
        house = await (await houses.start(*arguments)).until_ready()
        files = [house.data_dir / twin / "a candidate's file" for twin in ("whatsapp.files", "chatwoot.files")]
        assert [file.exists() for file in files] == [expected is not None] * 2
        async with Redis.from_url(house.part("redis")) as client:
            assert await client.get("kept?") == expected
            await client.set("kept?", "kept")
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"a CV")
        assert await house.stop(end) == (0 if end == signal.SIGTERM else -signal.SIGKILL)
        await house.until_nobody_is_left()


async def test_a_service_that_dies_ends_the_house_with_the_reason(houses: Houses) -> None:
    house = await (await houses.start()).until_ready()
    (service,) = [each for each in psutil.Process(house.process.pid).children() if "serve" in each.cmdline()]
    service.kill()
    assert await asyncio.wait_for(house.process.wait(), 60) == 1
    assert "the service stopped by itself (exit code -9)" in await house.said()
    await house.until_nobody_is_left()


async def test_a_variable_replaces_its_part(houses: Houses, redis_url: str, redis: Redis) -> None:
    house = await (await houses.start(variables={"REDIS_URL": redis_url})).until_ready()
    assert "redis" not in json.loads(house.state_file.read_text())["urls"]
    assert not (house.data_dir / "redis").exists()
    assert await house.stop() == 0


async def test_a_port_in_use_is_named_with_the_way_out(houses: Houses) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await houses.refusal(port=port)
    assert f"port {port} is in use" in line
    assert "PORT=" in line


async def test_damaged_data_are_named_with_the_way_out(houses: Houses, tmp_path: Path) -> None:
    foreign = tmp_path / "data" / "postgres"
    foreign.mkdir(parents=True)
    (foreign / "holiday.jpg").write_bytes(b"not a database")
    line = await houses.refusal()
    assert str(foreign) in line
    assert "--fresh" in line
    assert (foreign / "holiday.jpg").exists()


def overwrite(data: Path, pattern: str) -> None:
    for file in data.glob(pattern):
        if file.is_file():
            file.write_bytes(b"\xff" * max(file.stat().st_size, 100))


def replaced_by_a_file(data: Path, name: str) -> None:
    shutil.rmtree(data / name)
    (data / name).write_bytes(b"")


def replaced_by_a_folder(data: Path, name: str) -> None:
    (data / name).unlink()
    (data / name).mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "pages of Postgres": lambda data: overwrite(data, "postgres/base/*/*"),
    "Postgres is a file": lambda data: replaced_by_a_file(data, "postgres"),
    "Redis is a file": lambda data: replaced_by_a_file(data, "redis"),
    "the manifest of Redis": lambda data: overwrite(data, "redis/appendonlydir/*.manifest"),
    "secrets are a folder": lambda data: replaced_by_a_folder(data, "secrets.json"),
}


async def test_whatever_is_damaged_the_way_out_is_told_in_one_line(houses: Houses, tmp_path: Path) -> None:
    house = await (await houses.start()).until_ready()
    assert await house.stop() == 0
    for name, damage in DAMAGES.items():
        data = tmp_path / name
        shutil.copytree(house.data_dir, data)
        damage(data)
        line = await houses.refusal(data_dir=data)
        assert "--fresh" in line, (name, line)


async def test_damaged_secrets_are_named_with_the_way_out(houses: Houses, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.json").write_text("{")
    line = await houses.refusal()
    assert "secrets.json is damaged" in line
    assert "--fresh" in line


async def test_a_data_directory_that_is_none_is_named(houses: Houses, tmp_path: Path) -> None:
    occupied = tmp_path / "a file"
    occupied.touch()
    assert "LOCAL_DATA_DIR" in await houses.refusal(data_dir=occupied)


async def test_a_server_that_does_not_answer_is_named(houses: Houses) -> None:
    house = await houses.start(variables={"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})

    assert house.process.stdout is not None
    async with asyncio.timeout(60):
        # Before that it says that the service is still loading, or has checked nothing yet.
        while "REDIS_URL" not in (line := (await house.process.stdout.readline()).decode()):
            assert line, "the house ended before it said what it waits for"
    assert line.startswith("still waiting: redis:")
    assert await house.stop() == 0


async def test_in_production_a_port_in_use_is_one_line_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            environ = {"PATH": os.environ["PATH"], "ENVIRONMENT": "test", "WEB_CONCURRENCY": workers}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "serve"),
                env={**environ, "HOST": "127.0.0.1", "PORT": str(port)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert process.returncode == 1
            assert said.decode().splitlines() == [
                f"start.sh: port {port} is in use by another program; stop it, or choose another (PORT, HOST)"
            ]


async def test_half_a_vendor_is_refused_by_what_is_missing(houses: Houses) -> None:
    line = await houses.refusal(
        variables={"SUPABASE_URL": "http://127.0.0.1:1", "CHATWOOT_BASE_URL": "http://127.0.0.1:1"}
    )
    assert "SUPABASE_KEY" in line
    assert "CHATWOOT_API_TOKEN" in line
