"""Posts webhooks as a vendor does: signed at each attempt, five seconds of patience, repeated with growing pauses."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import httpx

Sign = Callable[[bytes], dict[str, str]]
"""Headers for one attempt: Chatwoot signs each attempt with a fresh timestamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`retries` sees the answered status, or 0 when no answer came. Delays in seconds."""

    attempts: int
    first_delay: float
    accepts: Callable[[int], bool]
    retries: Callable[[int], bool]
    factor: float = 2.0
    max_delay: float = 3600.0
    timeout: float = 5.0

    def delay(self, failed_attempts: int) -> float:
        return float(min(self.max_delay, self.first_delay * self.factor ** min(failed_attempts - 1, 64)))


@dataclass(slots=True, kw_only=True)
class Attempt:
    """`status` 0 = no answer, then `error` names the transport's exception."""

    at: float
    seconds: float
    status: int
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One webhook on its way. `label` says what it carries, e.g. `status:delivered`."""

    url: str
    body: bytes
    label: str
    sign: Sign
    policy: RetryPolicy
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: list[Attempt] = field(default_factory=list)
    state: str = "pending"  # pending | delivered | given_up
    headers: dict[str, str] = field(default_factory=dict)
    on_end: Callable[["Delivery"], None] | None = None


class WebhookSender:
    """Sends at most `concurrency` at once; keeps the last `keep` deliveries for inspection."""

    def __init__(self, *, concurrency: int = 64, keep: int = 2000) -> None:
        self._gate = asyncio.Semaphore(concurrency)
        self._tasks: dict[asyncio.Task[None], Delivery] = {}
        self._client: httpx.AsyncClient | None = None
        self._concurrency = concurrency
        self.log: deque[Delivery] = deque(maxlen=keep)

    async def __aenter__(self) -> Self:
        limits = httpx.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency)
        # Webhooks of the twins go to this machine: a proxy of the environment must not see them.
        self._client = httpx.AsyncClient(limits=limits, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def send(self, delivery: Delivery) -> Delivery:
        self.log.append(delivery)
        task = asyncio.create_task(self._run(delivery))
        self._tasks[task] = delivery
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return delivery

    def pending(self) -> list[Delivery]:
        return list(self._tasks.values())

    async def idle(self) -> None:
        """Returns when nothing is on its way any more."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, delivery: Delivery) -> None:
        policy = delivery.policy
        while True:
            async with self._gate:
                attempt = await self._attempt(delivery)
            delivery.attempts.append(attempt)
            if policy.accepts(attempt.status):
                delivery.state = "delivered"
                break
            if len(delivery.attempts) >= policy.attempts or not policy.retries(attempt.status):
                delivery.state = "given_up"
                break
            await asyncio.sleep(policy.delay(len(delivery.attempts)))
        if delivery.on_end is not None:
            delivery.on_end(delivery)

    async def _attempt(self, delivery: Delivery) -> Attempt:
        if self._client is None:
            raise RuntimeError("WebhookSender is not open: use it as an async context manager")
        headers = {"content-type": "application/json", **delivery.headers, **delivery.sign(delivery.body)}
        start = time.monotonic()
        status, error = 0, ""
        try:
            # The vendor's limit covers the whole exchange; httpx alone limits each read.
            async with asyncio.timeout(delivery.policy.timeout):
                answer = await self._client.post(delivery.url, content=delivery.body, headers=headers)
            status = answer.status_code
        except (httpx.HTTPError, TimeoutError, OSError) as failure:
            error = type(failure).__name__
        return Attempt(at=time.time(), seconds=time.monotonic() - start, status=status, error=error)
