"""The environment is read in one place, all faults are named at once and no value is ever shown."""

import ast
import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.settings import Fault, Settings, SettingsError, load_settings, variables
from app.settings_template import render_template

ROOT = Path(__file__).parents[2]

REQUIRED = {
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "SUPABASE_URL",
    "SUPABASE_KEY",
    "REDIS_URL",
    "CHATWOOT_BASE_URL",
    "CHATWOOT_API_TOKEN",
    "CHATWOOT_ACCOUNT_ID",
    "CHATWOOT_WEBHOOK_SECRET",
    "DIALOG360_API_KEY",
    "DIALOG360_WEBHOOK_SECRET",
    "WHATSAPP_VERIFY_TOKEN",
}

GOOD = {
    "ENVIRONMENT": "production",
    "ANTHROPIC_API_KEY": "sk-ant-canary-1",
    "OPENAI_API_KEY": "sk-canary-2",
    "SUPABASE_URL": "https://abcdefgh.supabase.co/",
    "SUPABASE_KEY": "sb_secret_canary-3",
    "REDIS_URL": "redis://default:canary-4@redis.railway.internal:6379",
    "CHATWOOT_BASE_URL": "https://app.chatwoot.com",
    "CHATWOOT_API_TOKEN": "canary-5",
    "CHATWOOT_ACCOUNT_ID": "7",
    "CHATWOOT_WEBHOOK_SECRET": "canary-6",
    "DIALOG360_API_KEY": "canary-7",
    "DIALOG360_WEBHOOK_SECRET": "canary-8",
    "WHATSAPP_VERIFY_TOKEN": "canary-9",
}


def faults_of(environ: dict[str, str]) -> list[Fault]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return caught.value.faults


def test_a_whole_environment_is_accepted() -> None:
    settings = load_settings(GOOD)
    assert settings.strict
    assert settings.supabase_url == "https://abcdefgh.supabase.co"
    assert settings.chatwoot_account_id == 7
    assert settings.port == 8000


def test_exactly_the_variables_of_the_design_are_required() -> None:
    assert {name for name, var in variables().items() if var.required} == REQUIRED


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("value", [None, "", "   ", "changeme", "CHANGE_ME", "your-key-here", "<your key>"])
def test_a_required_variable_that_is_missing_or_unfilled_stops_a_deployment(
    name: str, value: str | None, environment: str
) -> None:
    environ = {**GOOD, "ENVIRONMENT": environment}
    environ.pop(name) if value is None else environ.update({name: value})
    assert [fault.name for fault in faults_of(environ)] == [name]


def test_all_faults_are_reported_at_once_in_the_order_of_the_template() -> None:
    broken = {**GOOD, "PORT": "0", "REDIS_URL": "", "SUPABASE_URL": "your-project", "LOG_LEVEL": "loud"}
    assert [fault.name for fault in faults_of(broken)] == ["SUPABASE_URL", "REDIS_URL", "LOG_LEVEL", "PORT"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "hundred-canary", "integer"),
        ("PORT", "65536", "less than"),
        ("DB_POOL_SIZE", "0", "greater than"),
        ("CHATWOOT_ACCOUNT_ID", "canary", "integer"),
        ("SUPABASE_URL", "canary.supabase.co", "http(s) URL"),
        ("SUPABASE_URL", "https://", "http(s) URL"),
        ("SUPABASE_URL", "http://canary.example.com", "plain http"),
        ("CHATWOOT_BASE_URL", "http://8.8.8.8", "plain http"),
        ("REDIS_URL", "http://canary", "redis://"),
        ("REDIS_URL", "redis://canary:port", "redis://"),
        ("REDIS_URL", "redis://canary/3", "database 0"),
        ("REDIS_URL", "redis://canary?db=3", "database 0"),
        ("DATABASE_URL", "mysql://canary", "postgresql://"),
        ("STATE_ENCRYPTION_KEY", "canary!", "base64"),
        ("STATE_ENCRYPTION_KEY", "Y2FuYXJ5", "32"),
        ("SENTRY_DSN", "canary", "DSN"),
        ("WORKER_MODE", "canary", "inline"),
        ("ENVIRONMENT", "canary", "production"),
        ("SETTLE_LONG_SECONDS", "0.5", "between"),
        ("SETTLE_CAP_SECONDS", "nan", ""),
        ("TURN_LEASE_SECONDS", "inf", ""),
        ("OPS_TOKEN", "changeme", "placeholder"),
    ],
)
def test_a_malformed_value_is_named_with_its_reason_and_never_shown(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({**GOOD, name: value})
    text = str(caught.value)
    assert name in text
    assert reason in text
    assert "canary" not in text


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=6, max_size=40))
def test_no_reason_quotes_what_it_refuses(value: str) -> None:
    names = ["PORT", "SUPABASE_URL", "REDIS_URL", "CHATWOOT_ACCOUNT_ID", "LOG_LEVEL", "STATE_ENCRYPTION_KEY"]
    marked = f"Zq{value}Zq"
    with pytest.raises(SettingsError) as caught:
        load_settings({**GOOD, **dict.fromkeys(names, marked)})
    assert "Zq" not in str(caught.value)
    assert "Zq" not in repr(caught.value)
    # No chain: pydantic's own error would show its input to whoever prints the traceback.
    assert caught.value.__cause__ is None


def test_secrets_do_not_show() -> None:
    settings = load_settings(
        {**GOOD, "SENTRY_DSN": "https://canary@sentry.io/1", "DATABASE_URL": "postgres://canary@h"}
    )
    for shown in (repr(settings), str(settings), f"{settings}", repr(settings.model_dump())):
        assert "canary" not in shown


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_elsewhere_a_placeholder_counts_as_unset() -> None:
    settings = load_settings({"ANTHROPIC_API_KEY": "changeme", "SUPABASE_URL": "https://your-project.supabase.co"})
    assert settings.environment == "development"
    assert settings.anthropic_api_key is None
    assert settings.supabase_url is None
    assert settings.given() == {"ENVIRONMENT": "development"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "development"),
        ({"ENVIRONMENT": "test"}, "test"),
        ({"ENVIRONMENT": "staging"}, "staging"),
        ({"RAILWAY_ENVIRONMENT_NAME": "production"}, "production"),
        ({"RAILWAY_ENVIRONMENT": "production"}, "production"),
        ({"RAILWAY_ENVIRONMENT_NAME": "production", "ENVIRONMENT": "development"}, "production"),
        ({"RAILWAY_ENVIRONMENT_NAME": "pr-17"}, "staging"),
        ({"RAILWAY_ENVIRONMENT_NAME": "pr-17", "ENVIRONMENT": "development"}, "development"),
    ],
)
def test_the_environment_follows_railway_but_is_never_loosened_in_production(
    environ: dict[str, str], expected: str
) -> None:
    settings = load_settings({**GOOD, "ENVIRONMENT": "", **environ})
    assert settings.environment == expected


def test_older_names_are_read_and_the_newer_one_wins() -> None:
    old = {key: value for key, value in GOOD.items() if key != "SUPABASE_KEY"}
    settings = load_settings({**old, "SUPABASE_SERVICE_ROLE_KEY": "old", "RAILWAY_GIT_COMMIT_SHA": "abc"})
    assert settings.given()["SUPABASE_KEY"] == "old"
    assert settings.git_commit_sha == "abc"
    assert load_settings({**GOOD, "SUPABASE_SERVICE_ROLE_KEY": "old"}).given()["SUPABASE_KEY"] == "sb_secret_canary-3"


def test_the_encryption_key_is_32_bytes() -> None:
    key = bytes(range(32))
    assert load_settings({"STATE_ENCRYPTION_KEY": base64.b64encode(key).decode()}).state_key == key
    assert load_settings({}).state_key is None


def test_a_local_socket_is_a_place_too() -> None:
    sockets = {"REDIS_URL": "unix:///run/redis.sock", "DATABASE_URL": "postgresql://me@/postgres?host=/run/postgresql"}
    assert load_settings(sockets).given() == {**sockets, "ENVIRONMENT": "development"}


def test_what_was_given_reproduces_the_settings_in_a_child() -> None:
    settings = load_settings({**GOOD, "SETTLE_SHORT_SECONDS": "0.5", "LOCAL_DATA_DIR": "/somewhere"})
    assert load_settings(settings.given()) == settings


def test_the_template_is_what_the_declarations_render() -> None:
    written = (ROOT / ".railway-env.template").read_text()
    assert written == render_template(), "run: python -m app.settings_template > .railway-env.template"


def test_the_template_names_every_variable_with_its_purpose() -> None:
    template = render_template()
    for name in variables():
        assert f"\n{name}=" in template or f"\n#{name}" in template
        assert Settings.model_fields[name.lower()].description


def test_the_template_alone_is_refused_in_production_by_the_names_it_leaves_open() -> None:
    lines = [line for line in render_template().splitlines() if line and not line.startswith("#")]
    environ = {name: value for name, _, value in (line.partition("=") for line in lines)}
    assert {fault.name for fault in faults_of({**environ, "ENVIRONMENT": "production"})} == REQUIRED


def test_nothing_else_reads_the_environment() -> None:
    """Configuration that is read in two places drifts."""
    allowed = {
        "app/settings.py",
        "app/local/house_service.py",  # hands the environment on to the service
        "app/telemetry/metrics_registry.py",  # follows what prometheus_client itself reads when it is imported
    }
    readers = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
                readers.add(str(path.relative_to(ROOT)))
    assert readers <= allowed
