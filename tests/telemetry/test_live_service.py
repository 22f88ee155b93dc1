"""A running service, hurt in every way it can be: nobody's words leave it, and what alerts ask for is there."""

import re
from collections.abc import AsyncIterator

import pytest

from app.local.postgres import PostgresServer
from tests.deploy.test_observability import MATCHER, NAMED, SELECTOR, WORDS, queries
from tests.fixtures.models import running_llm
from tests.fixtures.stack import Phone, Stack, running_stack
from tests.telemetry.hurting import Hurt, everything, phone_of
from tests.telemetry.test_canaries import CANARIES
from tests.telemetry.watching import client_of, lines, sentry_server

pytestmark = pytest.mark.xdist_group("live_service")
SAMPLE = re.compile(r"^([a-z_0-9]+)(?:\{(.*)\})? \S+$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# Settings whose values are secrets; `REDIS_URL` has no password here.
SECRETS = (
    "SUPABASE_KEY", "DIALOG360_API_KEY", "DIALOG360_WEBHOOK_SECRET", "WHATSAPP_VERIFY_TOKEN", "CHATWOOT_API_TOKEN",
    "CHATWOOT_WEBHOOK_SECRET", "OPS_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY",
)  # fmt: skip


@pytest.fixture(scope="module")
async def hurt(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurt]:
    async with sentry_server() as sentry, running_llm() as llm:
        more = {
            "SENTRY_DSN": sentry.dsn,
            "ANTHROPIC_API_KEY": "sk-ant-key-of-this-test",
            "ANTHROPIC_BASE_URL": llm.url,
            "OPENAI_API_KEY": "sk-key-of-this-test",
            "OPENAI_BASE_URL": f"{llm.url}/v1",
        }
        async with running_stack(postgres, tmp_path_factory.mktemp("hurt"), more=more) as stack:
            process = await stack.serve(module="tests.telemetry.failing", FAIL="door,node")
            async with client_of(process) as client:
                made = Hurt(stack, llm, sentry, process, client)
                await everything(made)
                yield made


def secrets_of(stack: Stack) -> dict[str, str]:
    return {name: stack.environ[name] for name in SECRETS}


async def test_no_canary_leaves_a_running_service(hurt: Hurt) -> None:
    detailed = (await hurt.client.get("/health/detailed")).text
    places = {
        "logs": hurt.process.log.read_text(),
        "Sentry": hurt.sentry.text,
        "metrics": (await hurt.client.get("/metrics")).text,
        "detailed": detailed,
        "problems": "\n".join(f"{answer.headers}{answer.text}" for answer in hurt.answers),
        "dead letters": (await hurt.client.get("/api/v1/dead-letters")).text,
    }
    planted = CANARIES | secrets_of(hurt.stack)
    leaked = [
        f"{name} in {place}"
        for place, text in places.items()
        for name, canary in planted.items()
        for shape in {canary, canary.replace(" ", "%20"), canary.replace(" ", "+"), canary.lstrip("+")}
        if shape in text
    ]
    assert leaked == []


async def test_the_canaries_were_really_there(hurt: Hurt) -> None:
    """The emptiness of the reports is no accident: the failures happened, with the words in them, and were told."""
    assert {"RuntimeError", "LookupError", "ResponseError"} <= set(hurt.sentry.kinds)
    poisoned = [event for event in hurt.sentry.events if event["exception"]["values"][-1]["type"] == "RuntimeError"]
    assert "phrase" in str(poisoned[0]["exception"]["values"][-1]["stacktrace"])
    assert poisoned[0]["tags"]["conversation"].startswith("wa:")
    statuses = {answer.status_code for answer in hurt.answers}
    assert statuses == {200, 400, 401, 403, 404, 422, 500, 503}
    problems = [answer for answer in hurt.answers if answer.status_code >= 400]
    assert {answer.headers["content-type"] for answer in problems} == {"application/problem+json"}
    for message in ("http.failed", "turn.failed", "http.request", "delivery.unsent", "mailbox.parked"):
        assert lines(hurt.process, message), message
    for number in (0, 1):
        said = [line.text for line in (await Phone(hurt.stack, phone_of(0)).view()).transcript]
        assert any(CANARIES[f"name-{number}"] in each for each in said)
    assert any(CANARIES["cv-0"] in str(seen.body) for seen in hurt.llm.twin.requests)


def samples_of(exposition: str) -> list[tuple[str, dict[str, str]]]:
    return [(name, dict(LABEL.findall(labels or ""))) for name, labels in SAMPLE.findall(exposition)]


def holds(labels: dict[str, str], matchers: list[tuple[str, str, str]]) -> bool:
    """As Prometheus matches: a label that is not there is empty."""
    for name, how, wanted in matchers:
        value = labels.get(name, "")
        same = bool(re.fullmatch(wanted, value)) if "~" in how else value == wanted
        if same == how.startswith("!"):
            return False
    return True


async def test_alerts_and_dashboard_find_their_series_in_the_live_metrics(hurt: Hurt) -> None:
    exposition = (await hurt.client.get("/metrics")).text
    samples = samples_of(exposition)
    names = {name for name, _ in samples}
    # A family whose labels nothing has filled yet is declared without samples.
    declared = set(re.findall(r"^# TYPE (\S+) ", exposition, re.MULTILINE))
    missing = []
    for where, query in queries():
        bare = re.sub(r'"[^"]*"|\bby\s*\([^)]*\)|\bon\s*\([^)]*\)', "", query)
        for name in set(NAMED.findall(bare)) - WORDS:
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            if name not in names and not ({name, family} & declared):
                missing.append(f"{where}: {name}")
        for name, inner in SELECTOR.findall(query):
            matchers = MATCHER.findall(inner)
            if name in declared - names:
                continue
            if not any(each == name and holds(labels, matchers) for each, labels in samples):
                missing.append(f"{where}: {name}{{{inner}}}")
    assert missing == []
    # What a turn, a failure and a delivery fill, with the labels that queries sum by.
    filled = {
        "turn_duration_seconds_count": {"outcome", "tier"},
        "deliveries_total": {"channel", "outcome", "error_class"},
        "webhook_requests_total": {"channel", "outcome"},
        "vendor_request_duration_seconds_count": {"vendor", "outcome"},
        "llm_request_duration_seconds_count": {"provider", "agent", "outcome"},
        "dead_letters_total": {"kind"},
        "reply_latency_seconds_count": set(),
        "vendor_breaker_state": {"vendor"},
    }
    for name, labels in filled.items():
        assert any(each == name and set(found) == labels for each, found in samples), name
