"""What each component's check looks at. Everything here is cheap, and nothing ever calls a model."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import httpx
from prometheus_client import Gauge
from redis.asyncio import Redis

from app.api.health_prober import Probe, ProbeResult, Status

_MODULES_MISSING: Final = (
    "Redis lacks the JSON and Search commands that checkpoints need: run the official image redis:8 through its "
    "docker-entrypoint.sh (a start command of bare `redis-server` loads no modules), or Redis Stack"
)
_REDIS_AWAY: Final = "Redis cannot be reached: see REDIS_URL, and whether the Redis service runs"
_RECORD_AWAY: Final = "Supabase does not answer: see SUPABASE_URL and SUPABASE_KEY, and status.supabase.com"


def _passed(**detail: object) -> ProbeResult:
    return ProbeResult(Status.PASS, detail=detail)


def redis_probe(redis: Redis) -> Probe:
    """Reachable, has JSON and Search (else fail); keeps what it stores and evicts nothing (else warn)."""

    async def check() -> ProbeResult:
        pipe = redis.pipeline(transaction=False)
        # As one word: redis-py's own parser of COMMAND INFO stumbles over commands that do not exist.
        pipe.execute_command("COMMAND INFO", "JSON.SET", "FT.SEARCH")
        pipe.info("everything")
        found = await pipe.execute(raise_on_error=False)
        for reply in found:
            if isinstance(reply, Exception):
                raise reply
        commands, info = found
        detail: dict[str, object] = {
            "version": info.get("redis_version"),
            "json_and_search": all(commands),
            "persistence": "aof" if info.get("aof_enabled") else "none",
            "eviction": info.get("maxmemory_policy"),
            "used_memory_mb": round(info.get("used_memory", 0) / 2**20, 1),
            "max_memory_mb": round(info.get("maxmemory", 0) / 2**20, 1) or None,
            "clients": info.get("connected_clients"),
        }
        if not detail["json_and_search"]:
            return ProbeResult(Status.FAIL, _MODULES_MISSING, detail)
        return ProbeResult(Status.WARN if (remark := _redis_remark(info)) else Status.PASS, remark, detail)

    return Probe("redis", check, critical=True, timeout_s=2.0, every_s=5.0, advice=_REDIS_AWAY)


def _redis_remark(info: Mapping[str, Any]) -> str:
    if not info.get("aof_enabled"):
        return "AOF is off, so a restart of Redis can lose accepted messages: start it with --appendonly yes"
    if info.get("aof_last_write_status", "ok") != "ok":
        return "Redis cannot write its AOF: see the free space of its volume"
    if info.get("maxmemory_policy") not in (None, "noeviction"):
        return "Redis may evict mailboxes under memory pressure: set --maxmemory-policy noeviction"
    if info.get("maxmemory") and info["used_memory"] > 0.9 * info["maxmemory"]:
        return "Redis has used 90 % of its memory; it refuses writes at 100 %: raise --maxmemory"
    return ""


def record_probe(schema_version: Callable[[], Awaitable[str]], expected: str) -> Probe:
    """The record answers with this key, and its migrations are not older than this build's.

    A newer schema passes: while a deployment overlaps, the old build runs on the new schema.
    """

    async def check() -> ProbeResult:
        found = await schema_version()
        if found < expected:
            advice = f"the schema is at {found or 'nothing'}, this build needs {expected}: run `python -m app migrate`"
            return ProbeResult(Status.FAIL, advice, {"schema": found, "expected": expected})
        return _passed(schema=found, expected=expected)

    return Probe("supabase", check, critical=True, timeout_s=3.0, every_s=5.0, advice=_RECORD_AWAY)


def checkpoint_probe(round_trip: Callable[[], Awaitable[object]]) -> Probe:
    """`round_trip` writes, reads back and deletes one checkpoint of a probe thread; raises when that fails."""

    async def check() -> ProbeResult:
        await round_trip()
        return _passed()

    advice = "checkpoints cannot be written and read back: see the redis component, and STATE_ENCRYPTION_KEY"
    return Probe("langgraph", check, critical=True, timeout_s=3.0, every_s=15.0, advice=advice)


def vendor_probe(
    name: str,
    client: httpx.AsyncClient,
    url: str,
    *,
    key_variable: str,
    headers: Mapping[str, str] | None = None,
    breaker: Callable[[], str] | None = None,
) -> Probe:
    """A cheap authenticated GET. Never closes readiness. `url` may be relative to the client's base URL.

    `breaker` tells the state of the circuit before our calls to this vendor, as this process has it; None: it has none.
    """

    async def check() -> ProbeResult:
        try:
            answer = await client.get(url, headers=dict(headers or {}))
        except httpx.HTTPError as error:
            return ProbeResult(Status.FAIL, f"{name} cannot be reached ({type(error).__name__})")
        detail = {"http_status": answer.status_code}
        if answer.is_success:
            return ProbeResult(Status.PASS, detail=detail)
        remark = f"{name} answers {answer.status_code}"
        if answer.status_code in (401, 403):
            remark = f"{name} refuses the key: see {key_variable}"
        return ProbeResult(Status.FAIL, remark, detail)

    def live(result: ProbeResult) -> ProbeResult:
        if breaker is None:
            return result
        state = breaker()
        detail = {"breaker": state, **result.detail}
        if state == "open" and result.status is Status.PASS:
            return ProbeResult(Status.WARN, f"{name} fails too often and is left alone for now", detail)
        return replace(result, detail=detail)

    return Probe(name, check, timeout_s=8.0, every_s=60.0, advice=f"{name} is slow", live=live)


def figures_probe(
    name: str,
    read: Callable[[], Awaitable[Mapping[str, float]]],
    *,
    limits: Mapping[str, float],
    advice: str,
    gauges: Mapping[str, Gauge] | None = None,
    every_s: float = 10.0,
) -> Probe:
    """Figures of a queue or worker; a warning with `advice` when one is above its limit.

    `gauges` are set from the figures of the same name, so that alerts see what health sees.
    """

    async def check() -> ProbeResult:
        figures = await read()
        for figure, gauge in (gauges or {}).items():
            gauge.set(figures[figure])
        above = [figure for figure, limit in limits.items() if figures[figure] > limit]
        detail = {figure: round(value, 2) for figure, value in figures.items()}
        if above:
            return ProbeResult(Status.WARN, f"{', '.join(above)} above the limit: {advice}", detail)
        return ProbeResult(Status.PASS, detail=detail)

    return Probe(name, check, timeout_s=3.0, every_s=every_s, advice=advice)


def constant_probe(name: str, result: ProbeResult) -> Probe:
    """A component whose state is settled at start (a vendor without a key, a feature switched off)."""

    async def check() -> ProbeResult:
        return result

    return Probe(name, check, every_s=60.0)
