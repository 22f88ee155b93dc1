"""Every command block of the deployment documents runs, and says only what Railway's and our command lines know.

Railway, npm and the network are played by recorders; what they were asked is then checked against the commands and
options of Railway's command line 5.43 (its source) and of our own.
"""

import json
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.cli import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("RAILWAY-QUICKSTART.md", "RAILWAY-DEPLOYMENT.md")
# Command → options that take a value, and those that do not.
RAILWAY: dict[str, tuple[set[str], set[str]]] = {
    "login": (set(), {"--browserless"}),
    "init": ({"--name", "--workspace"}, set()),
    "config plan": ({"--file"}, {"--json", "--detailed-exit-code", "--show-values"}),
    "config apply": ({"--file"}, {"--yes", "--confirm-destructive", "--json"}),
    "variable set": ({"--service", "--environment"}, {"--skip-deploys", "--stdin", "--json"}),
    "variable list": ({"--service", "--environment"}, {"--kv", "--json"}),
    "domain": ({"--service", "--port"}, {"--json"}),
    "up": ({"--service", "--environment", "--message"}, {"--ci", "--detach", "--json", "--yes", "--verbose"}),
    "redeploy": ({"--service"}, {"--yes", "--json"}),
    "restart": ({"--service"}, {"--yes", "--json"}),
    "logs": ({"--service", "--environment", "--lines", "--filter", "--since"}, {"--build", "--deployment", "--json"}),
    "ssh": ({"--service", "--environment"}, set()),
    "metrics": ({"--service", "--since"}, {"--json", "--http", "--all", "--raw"}),
    "usage": (set(), set()),
    "usage limit": (set(), set()),
    "status": (set(), {"--json"}),
}
# Commands that the text names without arguments.
MENTIONED = {*RAILWAY, "config", "config migrate", "scale", "tcp-proxy", "variables get", "variable"}
TOOLS = ("railway", "npm", "curl", "pg_dump", "psql", "redis-cli")
# Values that a shell would take apart, as people have them.
AWKWARD = {
    "COMPANY_NAME": "Müller & Söhne $1 GmbH",
    "SUPABASE_KEY": 'it\'s "a" `key` \\ $HOME #7;',
    "DATABASE_URL": "postgresql://postgres.ref:p%40ss$word@pooler.test:5432/postgres?sslmode=require&connect_timeout=9",
    "ALTERNATIVE_CONTACT": "+31 20 123 45 67 (9 - 17 h)  * ",
    "SUPABASE_URL": "https://filled-in.supabase.co",
}
# Beside what it was asked, each program tells which of those values it found in its environment.
RECORDER = """#!/bin/sh
python3 -c 'import json, os, sys
entry = [os.path.basename(sys.argv[1]), *sys.argv[2:]]
open(os.environ["RECORD"], "a").write(json.dumps(entry) + chr(10))
if entry[1:3] == ["-m", "app"]:
    open(os.environ["RECORD"] + ".environ", "a").write(json.dumps(dict(os.environ)) + chr(10))' "$0" "$@"
"""


def blocks(document: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def filled_in(name: str, value: str) -> str:
    """The line of `production.env` that an operator writes who does what the template says."""
    plain = re.fullmatch(r"[A-Za-z0-9._/:@%+=-]+", value)
    return f"{name}={value}" if plain else f"{name}='" + value.replace("'", "'\\''") + "'"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory that looks like a clone, where every program that would leave it is a recorder."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in [*(programs / tool for tool in TOOLS), tmp_path / ".venv/bin/python", tmp_path / "start.sh"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORDER)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "ops").mkdir()
    for script in ("backup.sh", "rehearse-restore.sh", "restore-record.sh"):
        (tmp_path / "ops" / script).write_text(RECORDER)
        (tmp_path / "ops" / script).chmod(0o755)
    template = (ROOT / ".railway-env.template").read_text()
    for name, value in AWKWARD.items():
        before, line, after = re.split(f"^(#?{name}=.*)$", template, flags=re.MULTILINE)
        assert line, name
        template = before + filled_in(name, value) + after
    (tmp_path / ".railway-env.template").write_text(template)
    return tmp_path


def run(document: str, clone: Path) -> list[list[str]]:
    """Run all blocks of the document one after the other, as a reader would; what the programs were asked."""
    record = clone / "record.jsonl"
    record.touch()
    script = "set -euo pipefail\n" + "\n".join(blocks(document))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone,
        env={
            "PATH": f"{clone / 'programs'}:{os.environ['PATH']}",
            "RECORD": str(record),
            "OPS_TOKEN": "x",
            "HOME": str(clone),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in record.read_text().splitlines()]


def check_railway(words: list[str]) -> None:
    """Refuses a command or an option that Railway's command line does not have."""
    size = 2 if " ".join(words[:2]) in RAILWAY else 1
    command = " ".join(words[:size])
    assert command in RAILWAY, f"railway {command}"
    valued, plain = RAILWAY[command]
    rest = iter(words[size:])
    for word in rest:
        if word == "--":
            break
        if word in valued:
            next(rest)
        elif word.startswith("-"):
            assert word in plain, f"railway {command} {word}"
        elif command == "variable set":
            assert re.fullmatch(r"[A-Z][A-Z0-9_]*=.+", word, re.DOTALL), "variables are NAME=value"


def check_ours(words: list[str]) -> None:
    """Refuses a command or an option that `python -m app` does not have."""
    assert words[:2] == ["-m", "app"], words
    node: Any = typer.main.get_command(cli)
    rest = words[2:]
    while hasattr(node, "commands"):
        assert rest, "a command is missing"
        assert rest[0] in node.commands, rest[0]
        node = node.commands[rest.pop(0)]
    node.make_context(node.name, rest)  # raises for an unknown option


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_block_runs_and_asks_for_what_exists(document: str, clone: Path) -> None:
    asked = run(document, clone)
    assert len(asked) > 8
    for tool, *words in asked:
        if tool == "railway":
            check_railway(words)
            if "--" in words and words[words.index("--") + 1] == "python":
                check_ours(words[words.index("--") + 2 :])
        elif tool == "python":
            check_ours(words)
        elif tool == "start.sh":
            assert words in (["install"], ["local"], ["worker"], [])
        elif tool == "npm":
            assert re.fullmatch(r"@railway/cli@5\.\d+\.\d+", words[-1])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_variables_are_handed_over_whole_and_none_that_is_empty(document: str, clone: Path) -> None:
    sets = [words for tool, *words in run(document, clone) if tool == "railway" and words[:2] == ["variable", "set"]]
    pushed = [words for words in sets if "--skip-deploys" in words and not words[2].startswith("LOG_LEVEL=")]
    assert [words[words.index("--service") + 1] for words in pushed] == ["web", "worker"]
    for words in pushed:
        given = dict(word.split("=", 1) for word in words if re.match(r"[A-Z][A-Z0-9_]*=", word))
        assert given == AWKWARD
    ours = [json.loads(line) for line in (clone / "record.jsonl.environ").read_text().splitlines()]
    assert ours
    for environ in ours:
        assert {name: environ.get(name) for name in AWKWARD} == AWKWARD


def test_the_template_tells_how_to_write_a_value_that_a_shell_would_take_apart() -> None:
    template = (ROOT / ".railway-env.template").read_text()
    examples = re.findall(r"^#   (COMPANY_NAME='.*)$", template, re.MULTILINE)
    for example, value in zip(examples, ("Müller & Söhne $1 GmbH", 'Anna\'s "Best" Jobs'), strict=True):
        assert example == filled_in("COMPANY_NAME", value)
    # Every default, uncommented, is what it says to be.
    for line in re.findall(r"^#([A-Z][A-Z0-9_]*=.+)$", template, re.MULTILINE):
        name, _, written = line.partition("=")
        done = subprocess.run(
            ["sh", "-euc", f". /dev/stdin; printf %s \"${name}\""],
            input=line, env={}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, written.strip("'")), done.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_the_text_exist_too(document: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`(railway [^`]+)`", text):
        words = shlex.split(span)[1:]
        known = max((each for each in MENTIONED if " ".join(words).startswith(each)), key=len, default="")
        assert known, span
        if known in RAILWAY and len(words) > len(known.split()):
            check_railway(words)
    for span in re.findall(r"`python (-m app [^`]+)`", text):
        words = shlex.split(span)
        if words[2:] not in (["webhooks", "setup"], ["webhooks", "verify"]):
            check_ours(words)


@pytest.mark.parametrize("document", [*DOCUMENTS, "README.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            continue
        path = ROOT / (file or document)
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, target


def test_files_that_the_documents_name_exist() -> None:
    for document in DOCUMENTS:
        for path in re.findall(
            r"`((?:ops|app|tests|\.github|\.railway)/[\w./-]+|[\w-]+\.toml|start\.sh)`", (ROOT / document).read_text()
        ):
            assert (ROOT / path).exists(), f"{document}: {path}"
