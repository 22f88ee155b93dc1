"""The deployment files say one thing: Railway's two formats, the Dockerfile, the documents and the settings agree."""

import asyncio
import fnmatch
import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from redis.asyncio import Redis

from app.api.health import HEALTH_PATHS
from app.api.health_prober import Status
from app.api.health_probes import redis_probe
from app.cli_operations import preflight
from app.local.redis import find_redis
from app.operations.autoscale import BUSY_READINGS, QUIET_SECONDS
from app.serving import graceful_budget
from app.settings import Settings, variables
from app.settings_values import Group
from tests.fixtures.stack import until_true

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "RAILWAY-DEPLOYMENT.md").read_text()


def railway_toml() -> dict[str, Any]:
    return tomllib.loads((ROOT / "railway.toml").read_text())


def railway_py(**environ: str) -> dict[str, Any]:
    """What Railway's command line would read: it runs the file and takes `main()` as JSON."""
    script = (
        "import importlib.util, json, sys\n"
        "spec = importlib.util.spec_from_file_location('railway_sdk_user', sys.argv[1])\n"
        "mod = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(mod)\n"
        "print(json.dumps(mod.main()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(ROOT / ".railway" / "railway.py")],
        capture_output=True,
        check=True,
        env=environ,
    )
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def resources() -> dict[str, dict[str, Any]]:
    return {resource["name"]: resource for resource in railway_py()["resources"]}


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, argument) of Dockerfile.production, continued lines joined."""
    text = (ROOT / "Dockerfile.production").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], " ".join(line.split(None, 1)[1].split())) for line in lines]


def test_both_railway_formats_deploy_the_same() -> None:
    old, new = railway_toml(), resources()["web"]
    assert old["build"] == new["build"]
    differing = {key for key in old["deploy"] if old["deploy"][key] != new["deploy"].get(key)}
    assert differing == set()


def test_the_definition_has_the_shape_that_railways_command_line_reads() -> None:
    project = railway_py()
    addresses = [resource["address"] for resource in project["resources"]]
    assert len(set(addresses)) == len(addresses)
    kinds = {resource["name"]: resource.get("kind") for resource in project["resources"]}
    assert kinds == {"web": "empty", "worker": "empty", "redis": "docker-image", "redis-data": None}
    for resource in project["resources"]:
        for value in resource.get("variables", {}).values():
            assert value["type"] in {"literal", "preserve", "reference"}
            assert value["type"] != "reference" or value["resource"] in addresses
        for mount in resource.get("volumeAttachments", {}).values():
            assert mount["volume"] in addresses
    from_github = {each["name"]: each for each in railway_py(DESK_GITHUB_REPOSITORY="owner/name")["resources"]}
    assert from_github["web"]["source"] == {
        "type": "github", "repo": "owner/name", "branch": "main", "checkSuites": True,
    }  # fmt: skip


def test_it_holds_no_secret_and_keeps_every_variable_that_is_set_in_railway() -> None:
    given = resources()["web"]["variables"]
    kept = {name for name, value in given.items() if value["type"] == "preserve"}
    ours = {name for name, var in variables().items() if var.group not in {Group.RAILWAY, Group.LOCAL, Group.SCALING}}
    set_here = {"REDIS_URL", "ENVIRONMENT", "WORKER_MODE", "PORT", "HOST"}
    assert kept == ours - set_here
    literals = {name: value["value"] for name, value in given.items() if value["type"] == "literal"}
    assert literals == {"ENVIRONMENT": "production", "WORKER_MODE": "off"}
    assert set(resources()["redis"]["variables"]) == {"REDIS_PASSWORD", "REDIS_URL"}


def test_draining_lasts_longer_than_our_own_budget_and_health_is_asked_where_it_is_served() -> None:
    deploy = railway_toml()["deploy"]
    budget = graceful_budget(Settings.model_fields["drain_seconds"].default)
    assert deploy["drainingSeconds"] >= budget + 5
    assert resources()["worker"]["deploy"]["drainingSeconds"] == deploy["drainingSeconds"]
    assert deploy["healthcheckPath"] in HEALTH_PATHS
    assert deploy["overlapSeconds"] > 0
    assert f"service's own budget of {budget} s" in (ROOT / "railway.toml").read_text()


def test_the_documents_state_the_figures_that_are_configured() -> None:
    text, deploy = " ".join(DOCUMENT.split()), railway_toml()["deploy"]
    settings = Settings.model_fields
    stated = {
        r"until it answers 200 \((\d+) s at most\)": deploy["healthcheckTimeout"],
        r"old and new run together for (\d+) s": deploy["overlapSeconds"],
        r"gets SIGTERM and has (\d+) s": deploy["drainingSeconds"],
        r"`drainingSeconds` (\d+)": deploy["drainingSeconds"],
        r"`overlapSeconds` (\d+)": deploy["overlapSeconds"],
        r"`WEB_CONCURRENCY` \(default (\d+)\)": settings["web_concurrency"].default,
        r"the honest form of \"(\d+) to \d+ replicas": settings["autoscale_min_replicas"].default,
        r"the honest form of \"\d+ to (\d+) replicas": settings["autoscale_max_replicas"].default,
        r"replicas at (\d+) %\"": settings["autoscale_cpu_percent"].default,
    }
    assert (
        settings["autoscale_memory_percent"].default == settings["autoscale_cpu_percent"].default
    )  # one figure for both
    for pattern, configured in stated.items():
        found = re.findall(pattern, text)
        assert found, pattern
        assert {int(each) for each in found} == {configured}, pattern
    words = {"every minute, adds": settings["autoscale_seconds"].default == 60, "two busy": BUSY_READINGS == 2}
    words |= {"ten quiet minutes": QUIET_SECONDS == 600, "up to a minute for Redis": preflight_wait() == 60}
    for phrase, holds in words.items():
        assert phrase in text, phrase
        assert holds, phrase
    comment = re.search(r"DRAIN_SECONDS \((\d+)\) \+ (\d+)", (ROOT / "railway.toml").read_text())
    assert comment is not None
    drain = settings["drain_seconds"].default
    assert [int(each) for each in comment.groups()] == [drain, graceful_budget(drain) - drain]


def preflight_wait() -> float:
    """Seconds that `start.sh` gives Redis and the database: it names none, so it is the command's default."""
    assert re.findall(r"preflight --wait", (ROOT / "start.sh").read_text()) == []
    default: float = inspect.signature(preflight).parameters["wait"].default
    return default


def test_restart_policies_are_the_words_that_railway_knows() -> None:
    for resource in railway_py()["resources"]:
        if "deploy" in resource:
            assert resource["deploy"]["restartPolicyType"] in {"ON_FAILURE", "ALWAYS", "NEVER"}


async def test_redis_starts_with_these_options_and_passes_its_probe(tmp_path: Path) -> None:
    command = shlex.split(resources()["redis"]["deploy"]["startCommand"])
    assert command[:2] == ["/bin/sh", "-c"]
    words = shlex.split(command[2].replace("$REDIS_PASSWORD", "a-password"))
    assert words[:3] == ["exec", "docker-entrypoint.sh", "redis-server"]
    options = [word if word != "/data" else str(tmp_path) for word in words[3:]]
    programs, socket = find_redis(), tmp_path / "redis.sock"
    loaded = [word for module in programs.modules for word in ("--loadmodule", str(module))]
    server = await asyncio.create_subprocess_exec(
        *(str(programs.server), *options, "--port", "0", "--unixsocket", str(socket), *loaded),
        stdout=asyncio.subprocess.DEVNULL,
    )
    redis = Redis(unix_socket_path=str(socket), password="a-password")
    try:

        async def listens() -> bool:
            return socket.exists()

        await until_true(listens, what="the socket")
        assert (await redis_probe(redis).check()).status is Status.PASS
    finally:
        await redis.aclose()
        server.kill()
        await server.wait()


def test_the_image_is_built_in_two_stages_and_runs_unprivileged_on_files_it_cannot_write() -> None:
    steps = dockerfile()
    stages = [index for index, (name, _) in enumerate(steps) if name == "FROM"]
    assert [steps[index][1] for index in stages] == ["python:3.11-slim AS build", "python:3.11-slim"]
    final = steps[stages[1] :]
    assert ("USER", "10001:10001") in final
    copies = [argument for name, argument in final if name == "COPY"]
    assert copies
    assert all(copy.startswith("--from=build ") for copy in copies)  # owned by root
    assert not [argument for name, argument in final if name == "RUN"]
    assert ("STOPSIGNAL", "SIGTERM") in final
    assert final[-1] == ("CMD", '["./start.sh"]')
    users = [index for index, (name, _) in enumerate(final) if name == "USER"]
    assert all(index < users[0] for index, (name, _) in enumerate(final) if name == "COPY")


def test_the_image_installs_by_hash_and_knows_its_commit() -> None:
    steps = dockerfile()
    installs = [argument for name, argument in steps if name == "RUN" and "pip " in argument]
    assert all("--require-hashes" in argument and "requirements.lock" in argument for argument in installs)
    assert ("ARG", 'GIT_COMMIT_SHA=""') in steps
    assert ("ENV", "GIT_COMMIT_SHA=$GIT_COMMIT_SHA") in steps
    text = (ROOT / "Dockerfile.production").read_text()
    assert "--mount=type=cache" not in text
    assert "curl" not in text
    health = next(argument for name, argument in steps if name == "HEALTHCHECK")
    assert "/health/liveness" in health
    probe = orjson.loads(health.split("CMD", 1)[1])
    assert probe[0] == "python"
    compile(probe[2], "healthcheck", "exec")


def test_hadolint_has_nothing_to_say() -> None:
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([tool, "Dockerfile.production"], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_context_holds_what_is_copied_and_no_secret_or_test() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    def kept(path: str) -> bool:
        verdict = True
        for pattern in patterns:
            bare = pattern.lstrip("!").rstrip("/")
            parts = path.split("/")
            prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
            if any(fnmatch.fnmatch(prefix, bare) and prefix.count("/") == bare.count("/") for prefix in prefixes):
                verdict = pattern.startswith("!")
        return verdict

    build = [argument.split() for name, argument in dockerfile() if name == "COPY" and "--from" not in argument]
    copied = [source for words in build for source in words[:-1]]
    assert all(kept(source) for source in copied), copied
    for secret in (
        ".env",
        "production.env",
        ".git/config",
        "tests/conftest.py",
        ".venv/bin/python",
        ".local/redis.conf",
    ):
        assert not kept(secret), secret
    assert not kept("app/local/house.py")
    assert kept("supabase/migrations/20261123190000_candidates.sql")


def test_what_the_image_leaves_out_is_imported_by_nothing_that_it_runs() -> None:
    """app/local is not in the image: only commands of a developer's machine may reach for it, when they run."""
    for file in (ROOT / "app").rglob("*.py"):
        if (ROOT / "app" / "local") in file.parents:
            continue
        for line in file.read_text().splitlines():
            assert not line.startswith(("from app.local", "import app.local")), file


@pytest.mark.parametrize("name", ["ci.yml", "deploy.yml"])
def test_workflows_pin_their_actions_and_ask_for_no_more_than_reading(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / name).read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 30
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
    assert len(re.findall(r"uses: .*@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)) == text.count("uses:")


def test_ci_runs_what_a_developer_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert "bash .ci/run" in [step.get("run") for step in workflow["jobs"]["checks"]["steps"]]


def test_module_loading_has_no_side_effect_on_the_operators_machine() -> None:
    spec = importlib.util.spec_from_file_location("railway_definition", ROOT / ".railway" / "railway.py")
    assert spec is not None
    text = Path(str(spec.origin)).read_text()
    assert not re.search(r"^(import|from) (?!os|re|pathlib|typing)", text, re.MULTILINE)


def test_the_document_names_every_required_variable_and_every_endpoint() -> None:
    for name, var in variables().items():
        if var.required:
            assert f"`{name}`" in DOCUMENT, name
    for path in HEALTH_PATHS:
        assert f"`{path}`" in DOCUMENT, path
    assert len(re.findall(r"^\| \d+ \| ", DOCUMENT, re.MULTILINE)) >= 8  # troubleshooting


def test_the_costs_add_up() -> None:
    rows = re.findall(r"\| ([\d.]+(?: × \d+| × [\d.]+| \+ [\d.]+)*[^|]*) = ([\d.]+) \|", DOCUMENT)
    assert len(rows) == 3
    total = 0.0
    for formula, result in rows:
        value = eval(formula.replace("×", "*"), {"__builtins__": {}})  # noqa: S307 arithmetic of our own document
        assert round(value, 2) == float(result), formula
        total += value
    assert f"**{total:.2f}**" in DOCUMENT
