"""The two things of Railway's public API that scaling needs: how loaded a service is, and how many replicas it has.

Shapes from the schema and the queries shipped with Railway's own command line (railwayapp/cli, August 2026).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

_SAMPLE_SECONDS: Final = 60

_METRICS: Final = """
query Load($environmentId: String!, $serviceId: String!, $startDate: DateTime!, $sampleRateSeconds: Int!) {
  metrics(environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate,
          sampleRateSeconds: $sampleRateSeconds, groupBy: [DEPLOYMENT_INSTANCE_ID],
          measurements: [CPU_USAGE, CPU_LIMIT, MEMORY_USAGE_GB, MEMORY_LIMIT_GB]) {
    measurement
    tags { deploymentInstanceId }
    values { ts value }
  }
}
"""
_REPLICAS: Final = """
query Replicas($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) { numReplicas }
}
"""
_SCALE: Final = """
mutation Scale($environmentId: String!, $serviceId: String!, $numReplicas: Int!) {
  serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: {numReplicas: $numReplicas})
}
"""


class RailwayError(Exception):
    """Railway's API refused, did not answer, or answered in an unknown shape; the text says which."""


@dataclass(frozen=True)
class Load:
    """Mean use of the live replicas at `at` (Unix seconds), as a share of their limits; 1.0 is all of it."""

    at: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Target:
    """Which service in which environment; Railway puts both ids into every container."""

    environment_id: str
    service_id: str


class RailwayApi:
    """`client` carries the project token in `Project-Access-Token` (not in Authorization)."""

    def __init__(self, client: httpx.AsyncClient, url: str, target: Target) -> None:
        self._client = client
        self._url = url
        self._ids = {"environmentId": target.environment_id, "serviceId": target.service_id}

    async def replicas(self) -> int:
        """The configured number. Raises RailwayError for a service that is spread over regions."""
        instance = (await self._ask(_REPLICAS, {})).get("serviceInstance")
        number = instance.get("numReplicas") if isinstance(instance, dict) else None
        if not isinstance(number, int):
            raise RailwayError("the service has no single replica count (several regions?): use `railway scale`")
        return number

    async def scale(self, replicas: int) -> None:
        """Set the number; Railway starts or stops replicas from the existing image. Raises RailwayError."""
        await self._ask(_SCALE, {"numReplicas": replicas})

    async def loads(self, since: float) -> list[Load]:
        """One entry per minute since `since` (Unix seconds) for which every figure exists, oldest first.

        Raises RailwayError.
        """
        start = datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z")
        data = await self._ask(_METRICS, {"startDate": start, "sampleRateSeconds": _SAMPLE_SECONDS})
        try:
            return _loads(data["metrics"])
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise RailwayError("Railway's metrics have an unknown shape") from error

    async def _ask(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        try:
            answer = await self._client.post(self._url, json={"query": query, "variables": {**self._ids, **variables}})
        except httpx.HTTPError as error:
            raise RailwayError(f"Railway's API cannot be reached ({type(error).__name__})") from error
        if answer.status_code in (401, 403):
            raise RailwayError("Railway refuses the token: RAILWAY_TOKEN must be a project token of this environment")
        if not answer.is_success:
            raise RailwayError(f"Railway's API answers {answer.status_code}")
        return _data(answer)


def _data(answer: httpx.Response) -> dict[str, Any]:
    """What the answer holds. Raises RailwayError, also for a page that something in between sends with status 200."""
    try:
        body = answer.json()
    except ValueError as error:
        raise RailwayError("Railway's API answers something else than JSON") from error
    if not isinstance(body, dict):
        raise RailwayError("Railway's API answers in an unknown shape")
    if errors := body.get("errors"):
        first = errors[0] if isinstance(errors, list) else errors
        said = first.get("message", "") if isinstance(first, dict) else first
        raise RailwayError(f"Railway refuses the request: {str(said)[:200]}")
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise RailwayError("Railway's API answers in an unknown shape")
    return data


def _loads(series: list[dict[str, Any]]) -> list[Load]:
    """Use ÷ limit per replica and minute, averaged over the replicas that reported in that minute."""
    figures: dict[tuple[str, int], dict[str, float]] = {}
    for line in series:
        replica = (line.get("tags") or {}).get("deploymentInstanceId") or "service"
        for point in line["values"]:
            minute = int(point["ts"]) // _SAMPLE_SECONDS
            figures.setdefault((replica, minute), {})[line["measurement"]] = _finite(point["value"])
    minutes: dict[int, list[tuple[float, float]]] = {}
    for (_, minute), found in figures.items():
        cpu = _share(found, "CPU_USAGE", "CPU_LIMIT")
        memory = _share(found, "MEMORY_USAGE_GB", "MEMORY_LIMIT_GB")
        if cpu is not None and memory is not None:
            minutes.setdefault(minute, []).append((cpu, memory))
    return [
        Load(
            at=float(minute * _SAMPLE_SECONDS),
            cpu=sum(cpu for cpu, _ in shares) / len(shares),
            memory=sum(memory for _, memory in shares) / len(shares),
        )
        for minute, shares in sorted(minutes.items())
    ]


def _finite(value: float | str) -> float:
    """JSON of some writers knows NaN and Infinity, which no threshold can be compared with."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _share(found: Mapping[str, float], used: str, limit: str) -> float | None:
    if used not in found or found.get(limit, 0.0) <= 0.0:
        return None
    return found[used] / found[limit]
