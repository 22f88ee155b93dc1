"""The ASGI application: doors in front, FastAPI behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.api.errors import install_error_handlers
from app.api.health import HealthDoor
from app.api.last_resort import LastResort
from app.api.operations import router as operations
from app.api.ops_token import OpsGate
from app.api.webhooks import WebhookDoor
from app.draining import DRAINING
from app.settings import Settings, load_settings
from app.telemetry.request_id import RequestContext
from app.wiring import Desk, secret


class State(TypedDict):
    """What the lifespan gives to every request's scope."""

    desk: Desk


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Build the service. Nothing is opened before the lifespan starts, so that workers may be forked from here."""
    settings = settings or load_settings()
    desk = Desk(settings, works=settings.worker_mode == "inline")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with desk.running():
            yield State(desk=desk)

    gate = OpsGate(secret(settings.ops_token), strict=settings.strict)
    api = FastAPI(
        title="AI recruitment desk on WhatsApp", version=settings.git_commit_sha, lifespan=lifespan, docs_url=None
    )
    api.state.gate = gate
    api.state.desk = desk
    api.include_router(operations)
    install_error_handlers(api)
    doors = RequestContext(LastResort(WebhookDoor(api, desk.intake, desk.secrets, desk.reading)))
    return HealthDoor(doors, prober=desk.prober, startup=desk.startup, gate=gate, build=desk.build, draining=DRAINING)
