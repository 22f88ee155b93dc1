"""The seven endpoints that tell the service's own state, served before everything else.

`/health`, `/health/liveness`, `/health/railway` answer from memory; `/health/readiness`, `/health/startup` and
`/health/detailed` from what the prober last saw; `/metrics` for all processes of the replica. Not one of them calls
a dependency or a model. Bodies are `application/health+json` (draft-inadarei-api-health-check-06).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.health_prober import Probe, Prober, ProbeResult, Status
from app.api.last_resort import DETAIL, KIND, note_failure
from app.api.ops_token import OpsGate
from app.api.problems import problem
from app.api.startup import Startup, StepState
from app.draining import Draining
from app.telemetry.metrics_registry import render_metrics

HEALTH_PATHS: Final = (
    "/health",
    "/health/liveness",
    "/health/readiness",
    "/health/startup",
    "/health/detailed",
    "/health/railway",
    "/metrics",
)
_JSON: Final = b"application/health+json"
# A first answer may wait for the first round of checks, no longer than this.
_FIRST_ROUND_S: Final = 0.3
_LAGGING_S: Final = 1.0
_STUCK_S: Final = 30.0
_METRICS_FRESH_S: Final = 1.0

Reply: TypeAlias = tuple[int, bytes, bytes]  # status, content type, body


@dataclass(frozen=True)
class BuildInfo:
    """Which build answers, and where it runs; empty what is unknown."""

    commit: str
    environment: str
    replica: str = ""
    region: str = ""
    deployment: str = ""
    public_domain: str = ""


class HealthDoor:
    """ASGI: serves the health paths, hands every other request to `app`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        prober: Prober,
        startup: Startup,
        gate: OpsGate,
        build: BuildInfo,
        draining: Draining,
    ) -> None:
        self._app = app
        self._prober = prober
        self._startup = startup
        self._gate = gate
        self._build = build
        self._draining = draining
        self._identity = {"version": build.commit, "releaseId": build.deployment or build.commit}
        self._railway = orjson.dumps({"status": Status.PASS} | self._identity | _railway(build))
        self._metrics: dict[str, tuple[float, Reply]] = {}
        self._scrape = asyncio.Lock()
        self._doors: dict[str, Callable[[Scope], Reply | Awaitable[Reply]]] = {
            "/health": self._basic,
            "/health/liveness": self._liveness,
            "/health/readiness": self._readiness,
            "/health/startup": self._started,
            "/health/detailed": self._detailed,
            "/health/railway": lambda _: (200, _JSON, self._railway),
            "/metrics": self._scraped,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):
            try:
                reply = door(scope)
                status, kind, body = reply if isinstance(reply, tuple) else await reply
            except Exception as error:  # noqa: BLE001 whatever was not foreseen; this door has no other behind it
                note_failure(error)
                status, kind, body = _problem(500, KIND, DETAIL)
        else:
            status, kind, body = _problem(405, "method-not-allowed", "use GET")
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if self._draining.active:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _basic(self, _scope: Scope) -> Reply:
        body = {"status": Status.PASS} | self._identity | {"uptime_seconds": self._uptime()}
        return 200, _JSON, orjson.dumps(body)

    def _liveness(self, _scope: Scope) -> Reply:
        """The loop answers, so it lives; unless its timers have stood still, which a restart would mend."""
        lag = self._prober.loop_lag_s
        silent = time.monotonic() - self._prober.loop_seen
        status = Status.FAIL if silent > _STUCK_S else Status.WARN if lag > _LAGGING_S else Status.PASS
        body = {"status": status, "loop_lag_ms": round(lag * 1000, 1), "uptime_seconds": self._uptime()}
        return (503 if status is Status.FAIL else 200), _JSON, orjson.dumps(body)

    async def _readiness(self, _scope: Scope) -> Reply:
        await self._first_round()
        status, unwell = self._prober.readiness()
        checks = {name: _check(result) for name, result in unwell.items()}
        if not self._startup.done:
            waiting = next(step.name for step in self._startup.steps if step.state is not StepState.DONE)
            status, checks["startup"] = Status.FAIL, _check(ProbeResult(Status.FAIL, f"waiting for step {waiting}"))
        if self._draining.active:
            status, checks["draining"] = Status.FAIL, _check(ProbeResult(Status.FAIL, "this process is going away"))
        body: dict[str, Any] = {"status": status} | self._identity | {"checks": checks}
        return _coded(status, body)

    async def _started(self, _scope: Scope) -> Reply:
        done = self._startup.done
        status = Status.PASS if done else Status.FAIL
        steps = [
            {
                "step": step.name,
                "state": step.state,
                "duration_ms": round(step.seconds * 1000, 1),
                "attempts": step.attempts,
            }
            | ({"error": step.error} if step.error else {})
            for step in self._startup.steps
        ]
        return _coded(status, {"status": status, "duration_ms": round(self._startup.seconds * 1000, 1), "steps": steps})

    async def _detailed(self, scope: Scope) -> Reply:
        refusal = self._gate.refusal(scope["headers"])
        if refusal:
            return _problem(refusal.status, refusal.kind, refusal.detail)
        await self._first_round()
        status, _ = self._prober.readiness()
        if self._draining.active or not self._startup.done:
            status = Status.FAIL
        body: dict[str, Any] = {"status": status} | self._identity | {"uptime_seconds": self._uptime()}
        body["draining"] = self._draining.active
        body["components"] = {probe.name: self._component(probe) for probe in self._prober.probes}
        body["system"] = self._prober.system.read() | {"loop_lag_ms": round(self._prober.loop_lag_s * 1000, 1)}
        body["railway"] = _railway(self._build)
        return _coded(status, body)

    async def _scraped(self, scope: Scope) -> Reply:
        refusal = self._gate.refusal(scope["headers"])
        if refusal:
            return _problem(refusal.status, refusal.kind, refusal.detail)
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
        wanted = "openmetrics" if "openmetrics" in accept else "text"
        async with self._scrape:
            made, reply = self._metrics.get(wanted, (0.0, (0, b"", b"")))
            if time.monotonic() - made > _METRICS_FRESH_S:
                body, kind = await asyncio.to_thread(render_metrics, accept)
                reply = (200, kind.encode(), body)
                self._metrics[wanted] = (time.monotonic(), reply)
        return reply

    async def _first_round(self) -> None:
        if self._startup.done:
            await self._prober.settled(_FIRST_ROUND_S)

    def _component(self, probe: Probe) -> dict[str, object]:
        result = self._prober.result(probe)
        seen = self._prober.seen(probe.name)
        shown = _check(result) | {"critical": probe.critical}
        if seen is not None:
            shown["latency_ms"] = seen.latency_ms
            shown["checked_seconds_ago"] = round(time.monotonic() - seen.at, 1)
            shown["last_success"] = _iso(seen.last_success) if seen.last_success else None
        return shown | ({"detail": dict(result.detail)} if result.detail else {})

    def _uptime(self) -> float:
        """Of this process: the door itself was made by the parent, which may be much older."""
        return round(time.monotonic() - self._prober.began, 1)


def _check(result: ProbeResult) -> dict[str, object]:
    return {"status": result.status} | ({"output": result.output} if result.output else {})


def _coded(status: Status, body: Mapping[str, object]) -> Reply:
    """Pass and warn are 200, fail is 503: what a load balancer understands."""
    return (503 if status is Status.FAIL else 200), _JSON, orjson.dumps(body)


def _problem(status: int, kind: str, detail: str) -> Reply:
    return status, b"application/problem+json", problem(status, kind, detail)


def _railway(build: BuildInfo) -> dict[str, object]:
    names = ("replica", "region", "deployment", "environment", "commit", "public_domain")
    return {name: getattr(build, name) or None for name in names}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
