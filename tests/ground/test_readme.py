"""The README says what is there, and its commands run: `test` is this run, the others are run here."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import variables
from tests.ground.test_house import UNSET, free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_set_up_is_two_commands() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    assert blocks[:2] == ["./start.sh local\n", "./start.sh test\n"]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\./start\.sh ([a-z]+)", README))))
def test_every_command_of_the_launcher_exists(command: str) -> None:
    usage = subprocess.run([ROOT / "start.sh", "--help"], capture_output=True, text=True, check=True).stdout
    assert f"./start.sh {command} " in usage


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)", README)) - {"UPGRADE"}))
def test_every_variable_is_one_that_is_read(name: str) -> None:
    assert name in variables()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)|`((?:app|supabase|\.ci)/[\w/]+)`", README)))
)
def test_every_path_exists(path: tuple[str, str]) -> None:
    assert (ROOT / "".join(path)).exists()


def test_every_room_has_its_line() -> None:
    rooms = {f"app/{each.parent.name}" for each in (ROOT / "app").glob("*/__init__.py")} - {"app/telemetry"}
    assert rooms <= set(re.findall(r"`(app/\w+)`", README))


@pytest.mark.parametrize("arguments", re.findall(r"^\.venv/bin/python -m app evals (.+)$", README, re.MULTILINE))
def test_quality_is_measured_without_any_key(arguments: str, tmp_path: Path) -> None:
    """The whole takes minutes; one dialogue shows that the command is right."""
    command = [sys.executable, "-m", "app", "evals", *arguments.split(), "--only", "en-talkative"]
    keys = ("ANTHROPIC", "OPENAI")
    environ = {name: value for name, value in os.environ.items() if not name.startswith((*UNSET, *keys))}
    command[command.index("--report") + 1] = str(tmp_path / "report.html")
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    for shown in ("1.000", "evidence rate 100.0%", "guard hits 0", "messages to qualified", "cost"):
        assert shown in done.stdout
    assert "<svg" in (tmp_path / "report.html").read_text()


async def test_a_newcomer_starts_it_and_replays_the_conversation_that_is_shown(tmp_path: Path) -> None:
    script = re.findall(r"^\./start\.sh chat (--script \S+)$", README, re.MULTILINE)[0].split()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}
    environ |= {"LOCAL_DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port())}
    house = await asyncio.create_subprocess_exec(
        ROOT / "start.sh", "local", env=environ, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert house.stdout is not None
    try:
        async with asyncio.timeout(90):
            while b"ready after" not in (line := await house.stdout.readline()):
                assert line, "the platform ended before it was ready"
        for arguments in (script, ["--script", "examples/intake-dutch.txt"]):
            chat = await asyncio.create_subprocess_exec(
                ROOT / "start.sh", "chat", *arguments, env=environ, cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            shown, _ = await chat.communicate()
            assert chat.returncode == 0, shown.decode()
    finally:
        house.send_signal(signal.SIGINT)
        await house.communicate()
    assert house.returncode == 0
