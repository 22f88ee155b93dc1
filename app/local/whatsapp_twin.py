"""WhatsApp as 360Dialog offers it, on this machine: the vendor's wire protocol on one side, phones on the other.

`create_whatsapp_twin(config)` is an ASGI app for any server; its lifespan opens and closes everything.
"""

import asyncio
import contextlib
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

from app.local.twin_clock import TwinClock
from app.local.twin_control import Controls, answer
from app.local.twin_faults import Fault, FaultBook, FaultMiddleware, plain_error
from app.local.twin_snapshot import SnapshotFile
from app.local.webhook_sender import WebhookSender
from app.local.whatsapp_api import VendorApi
from app.local.whatsapp_candidate import CandidatePhone
from app.local.whatsapp_control import PhoneControl, network_quiet
from app.local.whatsapp_errors import render_error
from app.local.whatsapp_network import Network
from app.local.whatsapp_state import Store, WebhookTarget
from app.local.whatsapp_templates import DEFAULT_TEMPLATES
from app.local.whatsapp_webhooks import Account, WebhookHub, WhatsAppSettings

SAVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppTwinConfig:
    """`webhook_url` is used until one is registered by API. `webhook_secret` signs (empty: no signature, as for
    direct clients of 360Dialog). `snapshot`: JSON file that keeps phones over restarts; None keeps nothing."""

    api_key: str
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_headers: dict[str, str] = field(default_factory=dict)
    phone_number_id: str = "106540352242922"
    display_phone_number: str = "31850012345"
    waba_id: str = "102290129340398"
    snapshot: Path | None = None
    settings: WhatsAppSettings = field(default_factory=WhatsAppSettings)
    now: Callable[[], float] = time.time


class WhatsAppTwin:
    """All parts of one twin, built once."""

    def __init__(self, config: WhatsAppTwinConfig) -> None:
        self.settings = msgspec.structs.replace(config.settings)
        self.clock = TwinClock(config.now)
        self.store = Store(SnapshotFile(config.snapshot))
        if not self.store.state.templates:
            self.store.state.templates = list(DEFAULT_TEMPLATES)
        self.sender = WebhookSender()
        self.faults = FaultBook()
        account = Account(
            waba_id=config.waba_id,
            phone_number_id=config.phone_number_id,
            display_phone_number=config.display_phone_number,
        )
        self.hub = WebhookHub(
            account=account,
            store=self.store,
            sender=self.sender,
            faults=self.faults,
            settings=self.settings,
            default=WebhookTarget(url=config.webhook_url, headers=config.webhook_headers),
            secret=config.webhook_secret,
        )
        self.network = Network(store=self.store, hub=self.hub, clock=self.clock, settings=self.settings)
        self.api = VendorApi(api_key=config.api_key, network=self.network, hub=self.hub, clock=self.clock)
        self.control = PhoneControl(
            CandidatePhone(
                store=self.store,
                network=self.network,
                hub=self.hub,
                clock=self.clock,
                account=account,
                settings=self.settings,
            )
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.sender:
            self.hub.resume()
            self.network.resume()
            saver = asyncio.create_task(self._save_regularly())
            try:
                yield
            finally:
                saver.cancel()
                await self.network.close()
                self.hub.remember()
                self.store.save()

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            if self.store.dirty:
                self.hub.remember()
                self.store.save()


def create_whatsapp_twin(config: WhatsAppTwinConfig) -> Starlette:
    """The twin is at `app.state.twin`, for those who share its process."""
    twin = WhatsAppTwin(config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with twin.running():
            yield

    async def health(_: Request) -> Response:
        return answer({"twin": "whatsapp", "candidates": len(twin.store.state.candidates)})

    shared = Controls(
        faults=twin.faults,
        clock=twin.clock,
        sender=twin.sender,
        settings=twin.settings,
        quiet=lambda: network_quiet(twin.control),
    )
    app = Starlette(
        routes=[Route("/_twin/health", health), *shared.routes(), *twin.control.routes(), *twin.api.routes()],
        middleware=[Middleware(FaultMiddleware, book=twin.faults, render=_fault_answer)],
        lifespan=lifespan,
    )
    app.state.twin = twin
    return app


def _fault_answer(fault: Fault) -> tuple[int, bytes, str]:
    """An error `code` in the vendor's words, else `status` and `body` as ordered."""
    if fault.code:
        return render_error(fault.code, "Ordered by a test", status=0 if fault.status == 500 else fault.status)
    return plain_error(fault)
