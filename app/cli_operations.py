"""Commands of operators: `preflight`, `webhooks setup`, `webhooks verify`, `autoscale`.

`python -m app …` has them all. `python -m app.cli_operations preflight` is the same check without importing the rest
of the service: start.sh runs it before every start, and it takes one second instead of three.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

import httpx
import orjson
import typer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.api.health_prober import Probe, ProbeResult, Status
from app.api.health_probes import constant_probe, record_probe, redis_probe, vendor_probe
from app.api.health_system import memory_limit
from app.cli_shared import PROBE_TIMEOUT, partial_settings, say, secret
from app.cli_webhooks import webhooks
from app.database.migrate import expected_version
from app.database.record import open_record
from app.operations.autoscale import Autoscaler, LastChange, Limits
from app.operations.preflight import Finding, Verdict, look
from app.operations.railway_api import RailwayApi, RailwayError, Target
from app.serving import workers_that_fit
from app.settings import Settings, SettingsError, load_settings, variables
from app.telemetry.logs import get_logger, setup_logging

log = get_logger()


def add_operations(cli: typer.Typer) -> None:
    """Hang the operators' commands into the command line."""
    cli.command()(preflight)
    cli.command()(autoscale)
    cli.add_typer(webhooks, name="webhooks")


def preflight(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for Redis and the database.")] = 60.0,
) -> None:
    """Check every variable, Redis, the database, its migrations and the vendors; exit 1 when a start would fail."""
    try:
        settings = load_settings()
    except SettingsError as error:
        findings = [Finding(fault.name, Verdict.FAILED, fault.reason) for fault in error.faults]
    else:
        findings = _missing(settings) or [Finding("variables", Verdict.OK), *asyncio.run(_look(settings, wait))]
    ready = all(finding.verdict is not Verdict.FAILED for finding in findings)
    if as_json:
        say(orjson.dumps({"ready": ready, "findings": findings}).decode())
    elif sys.stdout.isatty():
        say(_table(findings))
    else:
        _log_findings(findings)
    if not ready:
        raise typer.Exit(1)


def _missing(settings: Settings) -> list[Finding]:
    """Required variables that a developer's environment may leave out and a deployment may not."""
    return [
        Finding(name, Verdict.FAILED, "is not set" + (f" (where from: {var.source})" if var.source else ""))
        for name, var in variables().items()
        if var.required and getattr(settings, name.lower()) is None
    ]


async def _look(settings: Settings, wait: float) -> list[Finding]:
    async with _probes(settings) as probes:
        return await look(probes, deadline_s=wait)


@asynccontextmanager
async def _probes(settings: Settings) -> AsyncIterator[list[Probe]]:
    async with AsyncExitStack() as stack:
        redis = Redis.from_url(secret(settings.redis_url) or "redis://127.0.0.1:6379", retry=Retry(NoBackoff(), 0))
        stack.push_async_callback(redis.aclose)
        record = await stack.enter_async_context(
            open_record(settings.supabase_url or "", secret(settings.supabase_key), pool_size=1)
        )
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=PROBE_TIMEOUT))
        yield [
            redis_probe(redis),
            record_probe(record.schema_version, expected_version()),
            *_vendors(settings, client),
            *_remarks(settings),
        ]


def _vendors(settings: Settings, client: httpx.AsyncClient) -> list[Probe]:
    """Lists and profiles only: no model is called, no message sent."""
    anthropic = {"x-api-key": secret(settings.anthropic_api_key), "anthropic-version": "2023-06-01"}
    openai = {"authorization": f"Bearer {secret(settings.openai_api_key)}"}
    vendors = (
        ("360dialog", f"{settings.dialog360_base_url}/v1/configs/webhook", "DIALOG360_API_KEY",
         {"D360-API-KEY": secret(settings.dialog360_api_key)}),
        ("chatwoot", f"{settings.chatwoot_base_url}/api/v1/profile", "CHATWOOT_API_TOKEN",
         {"api_access_token": secret(settings.chatwoot_api_token)}),
        ("anthropic", f"{settings.anthropic_base_url}/v1/models?limit=1", "ANTHROPIC_API_KEY", anthropic),
        ("openai", f"{settings.openai_base_url}/models", "OPENAI_API_KEY", openai),
    )  # fmt: skip
    return [
        vendor_probe(name, client, url, key_variable=key_variable, headers=headers)
        for name, url, key_variable, headers in vendors
        if any(headers.values())
    ]


def _remarks(settings: Settings) -> list[Probe]:
    """What works without, and what it costs to leave it so."""
    fitting = workers_that_fit(settings.web_concurrency, memory_limit(), works=settings.worker_mode == "inline")
    remarks = {
        "ops_token": "" if settings.ops_token else "OPS_TOKEN is unset: /metrics and /health/detailed stay closed",
        "encryption": "" if settings.state_key else "STATE_ENCRYPTION_KEY is unset: checkpoints lie open in Redis",
        "database_url": ""
        if settings.database_url
        else "DATABASE_URL is unset: `python -m app migrate` needs it, and stops a deployment without it",
        "sentry": "" if settings.sentry_dsn else "SENTRY_DSN is unset: errors are only logged",
        "chatwoot_inbox": ""
        if settings.chatwoot_inbox_id
        else "CHATWOOT_INBOX_ID is unset: run `python -m app webhooks setup`",
        "workers": ""
        if fitting == settings.web_concurrency
        else f"the memory limit holds {fitting} of {settings.web_concurrency} web processes",
    }
    results = {name: ProbeResult(Status.WARN if text else Status.PASS, text) for name, text in remarks.items()}
    return [constant_probe(name, result) for name, result in results.items()]


def _table(findings: list[Finding]) -> str:
    width = max(len(finding.name) for finding in findings)
    signs = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED "}
    return "\n".join(
        f"{signs[finding.verdict]}  {finding.name.ljust(width)}  {finding.said}".rstrip() for finding in findings
    )


def _log_findings(findings: list[Finding]) -> None:
    setup_logging()
    for finding in findings:
        write = {Verdict.OK: log.info, Verdict.WARNING: log.warning, Verdict.FAILED: log.error}[finding.verdict]
        write(
            "preflight.checked",
            check=finding.name,
            outcome=finding.verdict.value,
            advice=finding.said,
            duration_seconds=finding.seconds,
            tries=finding.tries,
        )


def autoscale(
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Change the number; without it only say what would be.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
) -> None:
    """Keep the number of replicas between AUTOSCALE_MIN_REPLICAS and _MAX_, by CPU and memory. Dry run by default.

    With REDIS_URL a restart keeps the cool-down.
    """
    settings = partial_settings("RAILWAY_TOKEN", "RAILWAY_ENVIRONMENT_ID", "AUTOSCALE_SERVICE_ID")
    setup_logging(level=settings.log_level)
    try:
        asyncio.run(_autoscale(settings, apply=apply, once=once))
    except RailwayError as error:
        typer.echo(f"autoscale: {error}", err=True)
        raise typer.Exit(1) from None
    except RedisError as error:
        # By type: the text may quote the address.
        typer.echo(f"autoscale: Redis at REDIS_URL does not answer ({type(error).__name__})", err=True)
        raise typer.Exit(1) from None


async def _autoscale(settings: Settings, *, apply: bool, once: bool) -> None:
    limits = Limits(
        least=settings.autoscale_min_replicas,
        most=max(settings.autoscale_min_replicas, settings.autoscale_max_replicas),
        cpu=settings.autoscale_cpu_percent / 100,
        memory=settings.autoscale_memory_percent / 100,
    )
    target = Target(settings.railway_environment_id or "", settings.autoscale_service_id or "")
    headers = {"Project-Access-Token": secret(settings.railway_token)}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(headers=headers, timeout=PROBE_TIMEOUT))
        redis = None
        if settings.redis_url:
            redis = Redis.from_url(secret(settings.redis_url), socket_timeout=5, socket_connect_timeout=5)
            stack.push_async_callback(redis.aclose)
        elif apply:
            log.warning("autoscale.forgetful", advice="REDIS_URL is unset: a restart forgets the cool-down")
        api = RailwayApi(client, settings.railway_api_url, target)
        scaler = Autoscaler(api, limits, LastChange(redis, target.service_id), apply=apply)
        if once:
            await scaler.step(time.time())
        else:
            await scaler.run(settings.autoscale_seconds)


if __name__ == "__main__":
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    add_operations(alone)
    alone()
