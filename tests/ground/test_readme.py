"""The README says what is there. Its commands run elsewhere: `test` is this run, `local` in test_house.py."""

import re
import subprocess
from pathlib import Path

import pytest

from app.settings import variables

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
