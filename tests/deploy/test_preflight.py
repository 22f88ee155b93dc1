"""`python -m app preflight` refuses what a start would fail on, names all of it at once, and waits for late servers."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from typer.testing import CliRunner

from app.api.health_prober import ProbeResult
from app.api.health_probes import redis_probe
from app.cli import cli
from app.local.postgres import PostgresServer
from app.local.redis import RedisServer
from app.operations.preflight import Verdict, look
from app.settings import variables
from tests.fixtures.stack import Stack, running_stack, until_true

ROOT = Path(__file__).parents[2]
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-of-tests", "OPENAI_API_KEY": "sk-of-tests"}
REQUIRED = (
    "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "SUPABASE_URL", "SUPABASE_KEY", "CHATWOOT_BASE_URL", "CHATWOOT_API_TOKEN",
    "CHATWOOT_ACCOUNT_ID", "CHATWOOT_WEBHOOK_SECRET", "DIALOG360_API_KEY", "DIALOG360_WEBHOOK_SECRET",
    "WHATSAPP_VERIFY_TOKEN", "REDIS_URL",
)  # fmt: skip


async def run(environ: Mapping[str, str], *words: str) -> tuple[int, str]:
    """An operator's command with this environment alone; exit code and everything it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli_operations", *words),  # as start.sh does: without the rest of the service
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, (out + err).decode()


def findings(said: str) -> dict[str, dict[str, Any]]:
    """Of `preflight --json`, by name."""
    return {finding["name"]: finding for finding in orjson.loads(said)["findings"]}


@pytest.fixture(scope="module")
async def parts(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Redis, Supabase and the twins, without a process of the service."""
    # The vendors of models are a closed port: unreachable is a warning, never a failure.
    nowhere = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "OPENAI_BASE_URL": "http://127.0.0.1:9"}
    async with running_stack(postgres, tmp_path_factory.mktemp("preflight"), more=KEYS | nowhere) as stack:
        yield stack


async def test_a_complete_deployment_is_ready(parts: Stack) -> None:
    code, said = await run({**parts.environ, "ENVIRONMENT": "production"}, "preflight", "--json")
    found = findings(said)
    assert code == 0, said
    assert {name for name, finding in found.items() if finding["verdict"] == "failed"} == set()
    for name in ("variables", "redis", "supabase", "360dialog", "chatwoot"):
        assert found[name]["verdict"] == "ok", found[name]
    assert (found["anthropic"]["verdict"], found["openai"]["verdict"]) == ("warning", "warning")


async def test_all_missing_variables_are_named_at_once() -> None:
    code, said = await run({"ENVIRONMENT": "production"}, "preflight", "--json")
    assert code == 1
    assert set(REQUIRED) <= set(findings(said))


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, " ", "<fill me in>"], ids=["missing", "empty", "placeholder"])
def test_any_single_required_variable_stops_the_start_by_its_name(parts: Stack, name: str, value: str | None) -> None:
    # The command itself, in this process: 36 starts of Python would take a minute.
    environ: dict[str, str | None] = {key: None for key in os.environ if key != "PATH"}
    environ |= {**parts.environ, "ENVIRONMENT": "production", name: value}
    result = CliRunner().invoke(cli, ["preflight", "--json"], env=environ)
    assert (result.exit_code, list(findings(result.stdout))) == (1, [name])


def test_the_required_variables_are_those_that_are_declared_so() -> None:
    assert set(REQUIRED) == {name for name, var in variables().items() if var.required}


async def test_an_unset_database_url_is_named_before_the_migration_fails_on_it(parts: Stack) -> None:
    given = {**parts.environ, "ENVIRONMENT": "production", "DATABASE_URL": "postgresql://postgres@127.0.0.1/postgres"}
    for database_url, verdict in ((given["DATABASE_URL"], "ok"), ("", "warning")):
        code, said = await run({**given, "DATABASE_URL": database_url}, "preflight", "--json")
        assert (code, findings(said)["database_url"]["verdict"]) == (0, verdict)
    assert "python -m app migrate" in findings(said)["database_url"]["said"]


async def test_a_refused_key_names_its_variable_and_not_its_value(parts: Stack) -> None:
    wrong = {"DIALOG360_API_KEY": "wrong-key-one", "CHATWOOT_API_TOKEN": "wrong-key-two"}
    code, said = await run({**parts.environ, **wrong}, "preflight", "--json")
    found = findings(said)
    assert code == 0
    assert "DIALOG360_API_KEY" in found["360dialog"]["said"]
    assert "CHATWOOT_API_TOKEN" in found["chatwoot"]["said"]
    code, said = await run({**parts.environ, "SUPABASE_KEY": "sb_secret_wrong"}, "preflight", "--json", "--wait", "0")
    assert (code, findings(said)["supabase"]["verdict"]) == (1, "failed")
    assert "wrong" not in said.replace("wrong_", "")


async def test_it_waits_for_a_redis_that_starts_later(tmp_path: Path) -> None:
    late = RedisServer(tmp_path)
    await late.start()
    await late.stop()
    redis = Redis.from_url(late.url, retry=Retry(NoBackoff(), 0))
    probe, tries = redis_probe(redis), 0

    async def counted() -> ProbeResult:
        nonlocal tries
        tries += 1
        return await probe.check()

    looking = asyncio.create_task(look([replace(probe, check=counted)], deadline_s=30))

    async def tried_twice() -> bool:
        return tries >= 2

    await until_true(tried_twice, what="a second try")
    await late.start()
    (finding,) = await looking
    await redis.aclose()
    await late.stop()
    assert finding.verdict is Verdict.OK
    assert finding.tries == tries > 1


async def test_it_gives_up_at_the_deadline_and_says_what_to_do(parts: Stack) -> None:
    began = time.monotonic()
    code, said = await run({**parts.environ, "REDIS_URL": "redis://127.0.0.1:9"}, "preflight", "--json", "--wait", "2")
    assert code == 1
    assert "REDIS_URL" in findings(said)["redis"]["said"]
    assert time.monotonic() - began < 20


async def test_without_a_terminal_it_logs_events(parts: Stack) -> None:
    code, said = await run(parts.environ, "preflight")
    assert code == 0
    events = [orjson.loads(line) for line in said.splitlines()]
    assert {event["message"] for event in events} == {"preflight.checked"}
    assert any(event["level"] == "warn" and "SENTRY_DSN" in event["advice"] for event in events)
