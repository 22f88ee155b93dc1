"""Which components health looks at, and when one of their figures is a reason to warn."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import httpx
from docket import Docket
from pydantic import SecretStr
from redis.asyncio import Redis

from app.api.health_prober import Probe, ProbeResult, Status
from app.api.health_probes import (
    checkpoint_probe,
    constant_probe,
    figures_probe,
    record_probe,
    redis_probe,
    vendor_probe,
)
from app.database.figures import read_figures
from app.database.migrate import expected_version
from app.database.record import Record
from app.mailbox.mailbox import Mailbox
from app.settings import Settings
from app.telemetry.metrics import (
    CHANNELS,
    DEAD_LETTERS,
    MAILBOX_DUE,
    MAILBOX_OLDEST,
    MUTED_WAITING,
    OUTBOX_OLDEST,
    OUTBOX_WAITING,
)
from app.wiring_tasks import Crash

# A candidate who waits this long for a person is worth an alarm.
UNANSWERED_SECONDS = 900.0
_OLDEST_EVENT_SECONDS = 60.0
_OLDEST_ROW_SECONDS = 300.0
# The component stays impaired this long after a crash of the worker, so that somebody sees it.
_CRASH_SHOWN_SECONDS = 300.0


@dataclass(frozen=True)
class Watched:
    """The parts of a process that health looks at; the functions need the process to be running."""

    settings: Settings
    redis: Redis
    mailbox: Mailbox
    docket: Docket
    dialog360: httpx.AsyncClient
    chatwoot: httpx.AsyncClient
    models: httpx.AsyncClient
    record: Callable[[], Record]
    round_trip: Callable[[], Awaitable[object]]
    breaker: Callable[[str], str]
    crash: Callable[[], Crash | None]


def probes(parts: Watched) -> list[Probe]:
    """Every component of `/health/detailed`; Redis, record and checkpoints decide about readiness."""
    return [
        _doors(parts.settings),
        redis_probe(parts.redis),
        record_probe(lambda: parts.record().schema_version(), expected_version()),
        checkpoint_probe(parts.round_trip),
        vendor_probe("360dialog", parts.dialog360, "/v1/configs/webhook", key_variable="DIALOG360_API_KEY"),
        vendor_probe("chatwoot", parts.chatwoot, "/api/v1/profile", key_variable="CHATWOOT_API_TOKEN"),
        *_models(parts),
        _worker(parts.docket, parts.crash),
        _mailbox(parts.mailbox),
        _outbox(parts.record),
    ]


def _doors(settings: Settings) -> Probe:
    """A door whose secret is unset is closed, so that messages would be refused: not ready."""
    secrets = {
        "DIALOG360_WEBHOOK_SECRET": settings.dialog360_webhook_secret,
        "CHATWOOT_WEBHOOK_SECRET": settings.chatwoot_webhook_secret,
    }
    closed = [name for name, value in secrets.items() if value is None]

    async def check() -> ProbeResult:
        if closed:
            return ProbeResult(Status.FAIL, f"webhooks are refused: {', '.join(closed)} is not set")
        return ProbeResult(Status.PASS)

    return Probe("doors", check, critical=True, timeout_s=1.0, every_s=60.0)


def _models(parts: Watched) -> list[Probe]:
    """The vendors' lists of models: proves address and key, costs nothing."""
    settings = parts.settings
    asked: list[tuple[str, SecretStr | None, str, Callable[[str], dict[str, str]]]] = [
        (
            "anthropic",
            settings.anthropic_api_key,
            f"{settings.anthropic_base_url}/v1/models?limit=1",
            lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
        ),
        (
            "openai",
            settings.openai_api_key,
            f"{settings.openai_base_url}/models",
            lambda key: {"authorization": f"Bearer {key}"},
        ),
    ]
    found: list[Probe] = []
    for name, key, url, headers in asked:
        variable = f"{name.upper()}_API_KEY"
        if key is None:
            found.append(constant_probe(name, ProbeResult(Status.WARN, f"{variable} is not set; the intake is guided")))
        else:
            sent = headers(key.get_secret_value())
            state = partial(parts.breaker, name)
            found.append(vendor_probe(name, parts.models, url, key_variable=variable, headers=sent, breaker=state))
    return found


def _worker(docket: Docket, last_crash: Callable[[], Crash | None]) -> Probe:
    """Whether anybody runs turns: this process, its neighbours, or workers elsewhere; and this process's crashes."""

    async def check() -> ProbeResult:
        alive = len(await docket.workers())
        if alive:
            return ProbeResult(Status.PASS, detail={"alive": alive})
        return ProbeResult(Status.WARN, "no worker is alive: set WORKER_MODE=inline or run `./start.sh worker`")

    def live(result: ProbeResult) -> ProbeResult:
        if (crash := last_crash()) is None:
            return result
        ago = time.monotonic() - crash.at
        told = {"crashes": crash.count, "last_crash": crash.error_type, "last_crash_seconds_ago": round(ago, 1)}
        detail = {**result.detail, **told}
        if ago > _CRASH_SHOWN_SECONDS or result.status is Status.FAIL:
            return replace(result, detail=detail)
        advice = (
            f"this process's worker crashed ({crash.error_type}) and is begun anew: search the log for tasks.crashed"
        )
        return ProbeResult(Status.WARN, advice, detail)

    return Probe("worker", check, timeout_s=3.0, every_s=10.0, advice="the task queue cannot be read", live=live)


def _mailbox(mailbox: Mailbox) -> Probe:
    async def read() -> dict[str, float]:
        due, oldest = await mailbox.backlog()
        parked = len(await mailbox.letters.listed(100))
        DEAD_LETTERS("turn").set(parked)
        return {"conversations_due": float(due), "oldest_seconds": oldest, "dead_letters": float(parked)}

    return figures_probe(
        "mailbox",
        read,
        limits={"oldest_seconds": _OLDEST_EVENT_SECONDS, "dead_letters": 0},
        advice="more workers shorten the wait; GET /api/v1/dead-letters shows and re-arms what was given up",
        gauges={"conversations_due": MAILBOX_DUE, "oldest_seconds": MAILBOX_OLDEST},
    )


def _outbox(record: Callable[[], Record]) -> Probe:
    async def read() -> dict[str, float]:
        figures = await read_figures(record().pool, unanswered_after_seconds=UNANSWERED_SECONDS)
        oldest = 0.0
        for channel in sorted(CHANNELS):
            lane = figures.lanes.get(channel)
            OUTBOX_WAITING(channel).set(lane.waiting if lane else 0)
            OUTBOX_OLDEST(channel).set(lane.oldest_seconds if lane else 0)
            oldest = max(oldest, lane.oldest_seconds if lane else 0)
        DEAD_LETTERS("outbox").set(figures.given_up)
        MUTED_WAITING.set(figures.unanswered)
        return {
            "waiting": float(sum(lane.waiting for lane in figures.lanes.values())),
            "oldest_seconds": oldest,
            "given_up": float(figures.given_up),
            "unanswered": float(figures.unanswered),
        }

    return figures_probe(
        "outbox",
        read,
        limits={"oldest_seconds": _OLDEST_ROW_SECONDS, "given_up": 0, "unanswered": 0},
        advice="see GET /api/v1/dead-letters for rows given up, and Chatwoot for candidates who wait for a person",
        every_s=30.0,
    )
