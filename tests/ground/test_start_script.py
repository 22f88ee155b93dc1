"""start.sh sets itself up from the lock alone and says in one line why it cannot.

Each test runs the real script in a scratch folder whose lock names one small wheel that plays pytest.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
UNSET_HERE = {"ENVIRONMENT", "RAILWAY_ENVIRONMENT", "RAILWAY_ENVIRONMENT_NAME"}
PLAYS_PYTEST = "import sys; print('pytest got', sys.argv[1:])"
# Tells how it was called and by which environment; refuses like a pre-flight that found faults when told to.
PLAYS_APP = """
import os, sys
print(os.getpid(), *sys.argv[1:], os.environ.get("ENVIRONMENT"), flush=True)
sys.exit(1 if sys.argv[1] == os.environ.get("REFUSE") else 0)
"""


@dataclass(frozen=True)
class Clone:
    """A scratch clone: the script, a lock and the folder that plays the package index."""

    home: Path
    index: Path

    def environ(self, **changes: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        return {**kept, **pip, "PYTHON": sys.executable, **changes}

    def run(self, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.home / "start.sh"), *arguments],
            env=self.environ() if environ is None else environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def lock(self, version: str, *, digest: str = "") -> None:
        """Lock the wheel of that version, which is put into the index."""
        wheel = self.index / f"pytest-{version}-py3-none-any.whl"
        info = f"pytest-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("pytest/__init__.py", "")
            archive.writestr("pytest/__main__.py", PLAYS_PYTEST)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: pytest\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.home / "requirements-dev.lock").write_text(f"pytest=={version} \\\n    --hash=sha256:{digest}\n")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(home=tmp_path / "a clone", index=tmp_path / "index")
    made.home.mkdir()
    made.index.mkdir()
    shutil.copy(ROOT / "start.sh", made.home)
    made.lock("1.0")
    return made


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The script's own last word."""
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("start.sh: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_fresh_clone_installs_once_and_again_only_when_the_lock_changes(clone: Clone) -> None:
    first = clone.run("test", "-k", "two words")
    assert first.returncode == 0, first.stderr
    assert "pytest got ['-k', 'two words']" in first.stdout
    assert "installing" in first.stderr
    second = clone.run("test")
    assert second.returncode == 0
    assert second.stderr == ""
    clone.lock("2.0")
    third = clone.run("test")
    assert third.returncode == 0
    assert "installing" in third.stderr
    assert next((clone.home / ".venv").glob("lib/*/site-packages/pytest-*.dist-info")).name == "pytest-2.0.dist-info"


def test_two_started_at_once_install_once(clone: Clone) -> None:
    command = [str(clone.home / "start.sh"), "test"]
    both = [
        subprocess.Popen(command, env=clone.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all("pytest got" in out for out, _ in said)
    assert sum("installed in" in err for _, err in said) == 1


def test_an_old_python_is_named_with_what_is_needed(clone: Clone, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    environ = {key: value for key, value in clone.environ(PATH=str(tools)).items() if key != "PYTHON"}
    line = one_line(clone.run("test", environ=environ))
    assert "Python 3.11 or newer is needed" in line
    assert "python3 is Python 3.9.2" in line
    old.unlink()
    assert "none found" in one_line(clone.run("local", environ=environ))


def test_a_python_without_venv_is_named_with_the_package_to_install(clone: Clone, tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexit 0\n')
    bare.chmod(0o755)
    assert "apt install python3-venv" in one_line(clone.run("test", environ=clone.environ(PYTHON=str(bare))))


def test_an_unreachable_package_index_is_named_and_the_next_start_goes_on(clone: Clone) -> None:
    nowhere = {
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
        "PIP_RETRIES": "1",
    }
    line = one_line(clone.run("test", environ=clone.environ(**nowhere)))
    assert "no package index is reachable" in line
    assert clone.run("test").returncode == 0


def test_a_package_that_is_not_what_was_locked_is_refused(clone: Clone) -> None:
    clone.lock("1.0", digest="0" * 64)
    assert "differs from its hash" in one_line(clone.run("test"))


def test_an_index_without_the_package_is_told_apart_from_none(clone: Clone) -> None:
    (clone.index / "pytest-1.0-py3-none-any.whl").unlink()
    line = one_line(clone.run("test"))
    assert "the package index has no file for this machine" in line
    assert "pytest==1.0" in line


def members_of(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.parametrize("by", ["Ctrl-C", "SIGTERM", "SIGKILL"])
def test_an_interrupted_installation_leaves_no_process_and_is_made_good(
    clone: Clone, silent_index: str, by: str
) -> None:
    environ = clone.environ(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=silent_index)
    process = subprocess.Popen(
        # As at a terminal: a shell cannot trap what was ignored when it began, as in a job in the background.
        ["env", "--default-signal=INT", str(clone.home / "start.sh"), "test"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = clone.home / ".local" / "install.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and re.search("Looking in indexes|Collecting", log.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if by == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGTERM if by == "SIGTERM" else signal.SIGKILL)
    assert process.wait(20) == {"Ctrl-C": 130, "SIGTERM": 143, "SIGKILL": -9}[by]
    if by == "SIGKILL":
        for orphan in members_of(process.pid):  # nothing can clean up after itself then
            orphan.kill()
    while members_of(process.pid):
        assert time.monotonic() < deadline, members_of(process.pid)
        time.sleep(0.05)
    again = clone.run("test")
    assert again.returncode == 0, again.stderr
    assert "interrupted" in again.stderr


@pytest.fixture
def deployment(clone: Clone) -> Clone:
    """A clone as in a container: packages belong to the Python on the PATH, there is no .venv."""
    (clone.home / "app").mkdir()
    for module in ("__main__.py", "cli_operations.py"):  # the second starts faster, for the check before the start
        (clone.home / "app" / module).write_text(PLAYS_APP)
    (clone.index / "python3").symlink_to(sys.executable)
    return clone


def called(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.partition(" ")[2] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(("arguments", "command"), [((), "serve"), (("web",), "serve"), (("worker",), "worker")])
def test_production_looks_before_it_serves_and_installs_nothing(
    deployment: Clone, arguments: tuple[str, ...], command: str
) -> None:
    path = f"{deployment.index}:{os.environ['PATH']}"
    environ = {key: value for key, value in deployment.environ(PATH=path).items() if key not in UNSET_HERE}
    result = deployment.run(*arguments, environ=environ)
    assert called(result) == ["preflight production", f"{command} production"], result.stderr
    assert not (deployment.home / ".venv").exists()
    staging = deployment.run(*arguments, environ={**environ, "ENVIRONMENT": "staging"})
    assert called(staging) == ["preflight staging", f"{command} staging"]


def test_production_does_not_start_when_the_preflight_refuses(deployment: Clone) -> None:
    result = deployment.run(
        environ=deployment.environ(PATH=f"{deployment.index}:{os.environ['PATH']}", REFUSE="preflight")
    )
    assert result.returncode == 1
    assert [line.split()[0] for line in called(result)] == ["preflight"]


def test_the_server_takes_the_place_of_the_script_and_so_gets_its_signals(deployment: Clone) -> None:
    script = subprocess.Popen(
        [str(deployment.home / "start.sh")],
        env=deployment.environ(PATH=f"{deployment.index}:{os.environ['PATH']}", REFUSE="serve"),
        stdout=subprocess.PIPE,
        text=True,
    )
    out, _ = script.communicate(timeout=30)
    assert script.returncode == 1  # a failed start is not a success
    assert int(out.splitlines()[-1].split()[0]) == script.pid


def test_an_unknown_command_shows_what_there_is(clone: Clone) -> None:
    result = clone.run("frobnicate")
    assert "unknown command" in one_line(result)
    assert "./start.sh local" in result.stderr


def test_help_lists_the_commands(clone: Clone) -> None:
    result = clone.run("--help")
    assert result.returncode == 0
    for command in ("worker", "local", "chat", "test"):
        assert f"./start.sh {command}" in result.stdout
