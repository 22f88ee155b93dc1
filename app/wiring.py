"""Builds every object of a process once; the only file that names concrete classes."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
from docket import Docket
from pydantic import SecretStr
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from app.agents.checkpointer import open_checkpointer
from app.agents.graph import build_graph
from app.agents.models.breaker import Breaker
from app.agents.models.budget import RedisSpending
from app.agents.models.providers import Vendors
from app.agents.models.tier import open_breakers
from app.api.health import BuildInfo
from app.api.health_prober import Prober
from app.api.startup import Startup
from app.api.webhooks import Secrets
from app.channels.chatwoot_inbound import Reading
from app.channels.chatwoot_self import ServiceUser
from app.database.record import Record, open_record
from app.engine.apology import Apologies
from app.engine.arrivals import Arrivals
from app.engine.composing import Worker as Claimer
from app.engine.delivery import Delivery
from app.engine.reports import Reports
from app.engine.settling import Pace
from app.engine.tasks import Engine
from app.engine.thinking import GraphThinker
from app.engine.turn import Turns
from app.engine.vacancy_link import VacancyLinks
from app.engine.wakeups import Wakeups
from app.mailbox.intake import Intake
from app.mailbox.mailbox import Mailbox
from app.settings import Settings
from app.telemetry.logs import get_logger
from app.telemetry.sentry import capture
from app.telemetry.vendor_calls import VendorClient
from app.wiring_desk import Vendors as DeskVendors
from app.wiring_desk import desk_of
from app.wiring_health import Watched, probes
from app.wiring_minds import agents_of, apology_of, budget_of, embedder_of, understanding_of, vendors_of
from app.wiring_tasks import Tasks, WorkerPlan
from app.wiring_telemetry import telemetry

log = get_logger()
DOCKET_NAME = "desk"
# Docket raises "Too many connections" at redis-py's default of 100.
DOCKET_CONNECTIONS = 2000
# A dead worker's task is run again this long after its mailbox lease is over.
REDELIVERY_MARGIN_SECONDS = 2.0


def secret(value: SecretStr | None) -> str:
    """The bare secret, empty when unset."""
    return value.get_secret_value() if value is not None else ""


def redis_client(url: str, *, connections: int) -> Redis:
    """Waits for a connection instead of raising at the cap, and retries through a short outage."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=5,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.05), 3),
    )
    return Redis(connection_pool=pool)


class Desk:
    """Everything one process is made of. Building it opens nothing; `running` does, inside the event loop."""

    def __init__(self, settings: Settings, *, works: bool) -> None:
        """`works` = this process also runs turns."""
        self.settings = settings
        self.works = works
        self.name = ""
        self.redis = redis_client(secret(settings.redis_url) or "redis://127.0.0.1:6379/0", connections=50)
        timeout = httpx.Timeout(settings.vendor_timeout_seconds, connect=3.0)
        self.dialog360 = VendorClient(
            "360dialog",
            base_url=settings.dialog360_base_url,
            headers={"D360-API-KEY": secret(settings.dialog360_api_key)},
            timeout=timeout,
        )
        self.chatwoot = VendorClient(
            "chatwoot",
            base_url=settings.chatwoot_base_url or "http://127.0.0.1:3000",
            headers={"api_access_token": secret(settings.chatwoot_api_token)},
            timeout=timeout,
        )
        self.service_user = ServiceUser(self.chatwoot)
        # Follows recruiters' attachments to storage: no key, no base URL, no proxy.
        self.storage = httpx.AsyncClient(timeout=timeout, trust_env=False)
        self.models = httpx.AsyncClient(timeout=timeout)  # for health: asks which models there are
        self.docket = Docket(
            name=DOCKET_NAME, url=_with_connections(secret(settings.redis_url)), execution_ttl=timedelta(0)
        )
        self.mailbox = Mailbox(self.redis, lease_seconds=settings.turn_lease_seconds)
        self.wakeups = Wakeups(self.docket)
        self.intake = Intake(self.redis, self.wakeups.soon, self.wakeups.arrived)
        self.secrets = Secrets(
            dialog360=secret(settings.dialog360_webhook_secret),
            chatwoot=secret(settings.chatwoot_webhook_secret),
            verify_token=secret(settings.whatsapp_verify_token),
            chatwoot_account_id=settings.chatwoot_account_id or 0,
        )
        self.build = BuildInfo(
            commit=settings.git_commit_sha,
            environment=settings.environment,
            replica=settings.railway_replica_id or "",
            region=settings.railway_replica_region or "",
            deployment=settings.railway_deployment_id or "",
            public_domain=settings.railway_public_domain or "",
        )
        self._record: Record | None = None
        self._thinker: GraphThinker | None = None
        self._vendors = Vendors()
        self._breakers: Mapping[str, Breaker] = {}
        lapse = settings.turn_lease_seconds + REDELIVERY_MARGIN_SECONDS
        self._tasks = Tasks(self.docket, WorkerPlan(settings.worker_concurrency, lapse) if works else None)
        self.startup = Startup(
            [
                ("redis", self._check_redis),
                ("record", self._check_record),
                ("checkpoints", self._prepare_checkpoints),
                ("tasks", self._tasks.opened.wait),
            ]
        )
        self.prober = Prober(
            probes(
                Watched(
                    settings,
                    self.redis,
                    self.mailbox,
                    self.docket,
                    self.dialog360,
                    self.chatwoot,
                    self.models,
                    record=lambda: self.record,
                    round_trip=self._round_trip,
                    breaker=self._breaker_state,
                    crash=lambda: self._tasks.crash,
                )
            )
        )

    def reading(self) -> Reading:
        """How to take what Chatwoot tells, with what is known of ourselves by now."""
        return Reading(
            bots_speak=self.settings.chatwoot_bot_messages == "send",
            service_user_id=self.service_user.id,
            return_label=self.settings.chatwoot_return_label,
        )

    @property
    def record(self) -> Record:
        """Only while running."""
        if self._record is None:
            raise RuntimeError("the process is not running")
        return self._record

    @property
    def thinker(self) -> GraphThinker:
        """Only while running."""
        if self._thinker is None:
            raise RuntimeError("the process is not running")
        return self._thinker

    async def _check_redis(self) -> None:
        await self.redis.ping()

    async def _check_record(self) -> str:
        return await self.record.schema_version()

    async def _round_trip(self) -> None:
        await self.thinker.round_trip()

    def _breaker_state(self, vendor: str) -> str:
        breaker = self._breakers.get(vendor)
        return breaker.state if breaker else "closed"  # none before the process runs: no call has failed yet

    async def _prepare_checkpoints(self) -> None:
        await self.thinker.prepare()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Desk"]:
        """Open connections and background work; on leaving, finish what is under way within the graceful budget."""
        settings = self.settings
        # Per process, not per preloading parent: docket keeps one queue of work under way for each worker's name.
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry(settings, self.build))
            stack.push_async_callback(self.models.aclose)
            stack.push_async_callback(self.redis.aclose)
            stack.push_async_callback(self.dialog360.aclose)
            stack.push_async_callback(self.chatwoot.aclose)
            stack.push_async_callback(self.storage.aclose)
            self._record = await stack.enter_async_context(
                open_record(
                    settings.supabase_url or "",
                    secret(settings.supabase_key),
                    pool_size=settings.db_pool_size,
                    timeout=settings.vendor_timeout_seconds,
                )
            )
            saver = await stack.enter_async_context(open_checkpointer(secret(settings.redis_url), settings.state_key))
            self._vendors = vendors_of(settings)
            stack.push_async_callback(self._vendors.aclose)
            spending = RedisSpending(self.redis)
            embedder = await stack.enter_async_context(
                embedder_of(settings, self._vendors, budget_of(settings, spending))
            )
            self._breakers = open_breakers(self._vendors)
            agents = agents_of(settings, self._vendors, spending, embedder, breakers=self._breakers)
            self._thinker = GraphThinker(build_graph(saver), saver, agents, VacancyLinks(self._record.vacancies))
            self.engine().register(
                self.docket,
                sweep_seconds=settings.sweep_seconds,
                reconcile_desk_seconds=settings.reconcile_desk_seconds,
                remind_seconds=settings.interview_remind_seconds,
            )
            tasks = asyncio.create_task(self._tasks.run(self.name), name="tasks")
            startup = asyncio.create_task(self._start_up(), name="startup")
            introduced = asyncio.create_task(self.service_user.learn(), name="service-user")
            self.prober.start()
            try:
                yield self
            finally:
                self._tasks.stop()
                startup.cancel()
                introduced.cancel()
                await self.prober.stop()
                await self._drain(tasks)

    async def _start_up(self) -> None:
        try:
            await self.startup.run()
            self.prober.started()
        except Exception as error:  # nobody waits for this task
            capture(error)
            log.exception("startup.failed")

    async def _drain(self, tasks: "asyncio.Task[None]") -> None:
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(self.settings.drain_seconds):
                await self.wakeups.drain()
                await asyncio.shield(tasks)
        if not tasks.done():
            # What is cut off here is redelivered to another worker.
            log.warning("drain.cut_off")
            tasks.cancel()
            await asyncio.gather(tasks, return_exceptions=True)

    def engine(self) -> Engine:
        """The engine over this process's parts."""
        settings, record = self.settings, self.record
        desk = desk_of(
            settings,
            DeskVendors(self.dialog360, self.chatwoot, self.storage),
            record,
            self.redis,
            self.mailbox,
            self.intake,
            self.wakeups,
            self.thinker,
            self.reading,
        )
        delivery = Delivery(
            record.outbox,
            desk.lanes,
            self.mailbox,
            self.wakeups,
            worker=self.name,
            lease_seconds=settings.send_lease_seconds,
            reconcile_seconds=settings.reconcile_seconds,
        )
        claimer = Claimer(self.name, settings.send_lease_seconds)
        understanding = understanding_of(settings, self._vendors, self.dialog360, self.redis)
        return Engine(
            self.mailbox,
            Turns(
                self.mailbox,
                record.conversations,
                understanding,
                self.thinker,
                delivery,
                claimer,
                desk.work,
                desk.interviews,
            ),
            Arrivals(self.mailbox, record.conversations, delivery, claimer),
            Reports(record.statuses, record.quarantine),
            Apologies(
                record.conversations,
                delivery,
                claimer,
                apology_of(settings),
                team_id=settings.chatwoot_team_id or 0,
                label=settings.chatwoot_handoff_label,
            ),
            delivery,
            record.outbox,
            desk.whatsapp,
            self.wakeups,
            desk.outcomes,
            desk.reconciliation,
            desk.reminders,
            Pace(settings.settle_short_seconds, settings.settle_long_seconds, settings.settle_cap_seconds),
            capture,
        )


def _with_connections(url: str) -> str:
    joiner = "&" if "?" in url else "?"
    return f"{url}{joiner}max_connections={DOCKET_CONNECTIONS}"
