"""Chatwoot on this machine: its REST API and webhooks with their traps, and recruiters at the screen.

`create_chatwoot_twin(config)` is an ASGI app for any server; its lifespan opens and closes everything.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.chatwoot_contact_routes import ContactRoutes
from app.local.chatwoot_control import DeskControl
from app.local.chatwoot_conversation_routes import ConversationRoutes
from app.local.chatwoot_desk import Desk
from app.local.chatwoot_events import ChatwootSettings, Dispatcher
from app.local.chatwoot_gate import Gate
from app.local.chatwoot_payloads import Payloads
from app.local.chatwoot_settings_routes import SettingsRoutes
from app.local.chatwoot_state import AgentBot, Inbox, Store, User
from app.local.chatwoot_tables import TableRoutes
from app.local.chatwoot_views import Views
from app.local.twin_clock import TwinClock
from app.local.twin_control import Controls, answer
from app.local.twin_faults import FaultBook, FaultMiddleware, plain_error
from app.local.twin_snapshot import SnapshotFile
from app.local.webhook_sender import WebhookSender

SAVE_SECONDS = 1.0
VERSION = "4.15.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatwootTwinConfig:
    """A fresh twin has one account, the service user with `api_token` (administrator), `recruiters` (agents), and the
    API inbox `inbox_id` whose webhook goes to `webhook_url`, signed with `webhook_secret`.

    `with_bot`: an agent bot without URL is attached to that inbox. A fresh Chatwoot has none, and then what a candidate
    writes after `resolved` reopens the conversation as `open`. `with_inbox` False leaves the inbox out, for the set-up
    command to create."""

    api_token: str
    webhook_secret: str
    webhook_url: str = ""
    account_id: int = 1
    account_name: str = "Recruitment"
    inbox_id: int = 1
    with_inbox: bool = True
    with_bot: bool = False
    recruiters: tuple[str, ...] = ("Rosa Meijer", "Piet Bakker")
    snapshot: Path | None = None
    settings: ChatwootSettings = field(default_factory=ChatwootSettings)
    now: Callable[[], float] = time.time


class ChatwootTwin:
    """All parts of one twin, built once."""

    def __init__(self, config: ChatwootTwinConfig) -> None:
        self.settings = msgspec.structs.replace(config.settings)
        self.clock = TwinClock(config.now)
        self.store = Store(SnapshotFile(config.snapshot))
        self.sender = WebhookSender(concurrency=10)  # Sidekiq's default
        self.faults = FaultBook()
        account = {"id": config.account_id, "name": config.account_name}
        self.payloads = Payloads(self.store, account, self.clock)
        self.dispatcher = Dispatcher(
            store=self.store,
            payloads=self.payloads,
            sender=self.sender,
            faults=self.faults,
            settings=self.settings,
            failures=lambda: self.desk,
        )
        self.desk = Desk(
            store=self.store,
            payloads=self.payloads,
            clock=self.clock,
            settings=self.settings,
            events=self.dispatcher,
        )
        self.views = Views(self.payloads)
        self._seed(config)

    def _seed(self, config: ChatwootTwinConfig) -> None:
        """What the configuration names is true after every start, also over an older snapshot."""
        state = self.store.state
        if not state.users:
            service = User(id=1, name="Recruitment desk", email="desk@chatwoot.test", token="", role="administrator")
            people = [
                User(id=number, name=name, email=f"agent{number}@chatwoot.test", token=secrets.token_urlsafe(18))
                for number, name in enumerate(config.recruiters, start=2)
            ]
            state.users = {user.id: user for user in (service, *people)}
            state.last_ids["users"] = len(state.users)
        state.users[1].token = config.api_token
        if not config.with_inbox:
            return
        if config.inbox_id not in state.inboxes:
            state.inboxes[config.inbox_id] = Inbox(
                id=config.inbox_id,
                name="WhatsApp",
                identifier=secrets.token_urlsafe(18),
                hmac_token=secrets.token_urlsafe(18),
                lock_to_single_conversation=True,
                enable_auto_assignment=False,
            )
            state.last_ids["inboxes"] = max(state.last_ids.get("inboxes", 0), config.inbox_id)
        inbox = state.inboxes[config.inbox_id]
        if config.with_bot and not inbox.agent_bot_id:
            inbox.agent_bot_id = self._new_bot().id
        inbox.secret = config.webhook_secret
        inbox.webhook_url = config.webhook_url or inbox.webhook_url

    def _new_bot(self) -> AgentBot:
        bot = AgentBot(id=self.store.next_id("bots"), name="Assistant", token=secrets.token_urlsafe(18))
        self.store.state.bots[bot.id] = bot
        return bot

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.sender:
            saver = asyncio.create_task(self._save_regularly())
            try:
                yield
            finally:
                saver.cancel()
                await self.dispatcher.close()
                self.store.save()

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            if self.store.dirty:
                self.store.save()

    async def quiet(self) -> None:
        """Nothing on its way. Polled: only tests ask."""
        while self.dispatcher.busy():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def create_chatwoot_twin(config: ChatwootTwinConfig) -> Starlette:
    """The twin is at `app.state.twin`, for those who share its process."""
    twin = ChatwootTwin(config)
    gate = Gate(
        store=twin.store,
        payloads=twin.payloads,
        settings=twin.settings,
        clock=twin.clock,
        account_id=config.account_id,
    )
    settings_routes = SettingsRoutes(twin.desk, twin.views)
    endpoints = [
        *ContactRoutes(twin.desk, twin.views).endpoints(),
        *ConversationRoutes(twin.desk, twin.views).endpoints(),
        *settings_routes.endpoints(),
        *TableRoutes(twin.desk).endpoints(),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with twin.running():
            yield

    async def health(_: Request) -> Response:
        return answer({"twin": "chatwoot", "conversations": len(twin.store.state.conversations)})

    async def version(_: Request) -> Response:
        return answer({"version": VERSION, "timestamp": "", "queue_services": "ok", "data_services": "ok"})

    shared = Controls(
        faults=twin.faults, clock=twin.clock, sender=twin.sender, settings=twin.settings, quiet=twin.quiet
    )
    app = Starlette(
        routes=[
            Route("/_twin/health", health),
            Route("/api", version),
            *shared.routes(),
            *DeskControl(twin.desk, twin.views).routes(),
            gate.profile_route(settings_routes.profile),
            *gate.routes(endpoints),
        ],
        middleware=[Middleware(FaultMiddleware, book=twin.faults, render=plain_error)],
        lifespan=lifespan,
    )
    app.state.twin = twin
    return app
