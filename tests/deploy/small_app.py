"""A service in miniature behind the real doors, for tests of the process model."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.api.health import BuildInfo, HealthDoor
from app.api.health_prober import Prober
from app.api.ops_token import OpsGate
from app.api.startup import Startup
from app.draining import DRAINING
from app.telemetry.metrics import OPT_OUTS, TURNS_IN_FLIGHT
from app.telemetry.request_id import RequestContext


def create_app() -> ASGIApp:
    """As `app.main.create_app`: opens nothing before the lifespan."""
    prober = Prober([])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if os.environ.get("SMALL_APP_FAILS"):
            raise RuntimeError("cannot start")
        TURNS_IN_FLIGHT.set(1)
        prober.start()
        yield
        await prober.stop()

    api = FastAPI(lifespan=lifespan)

    @api.get("/work")
    async def work(seconds: float = 0.05) -> dict[str, int]:
        OPT_OUTS.inc()
        await asyncio.sleep(seconds)
        return {"pid": os.getpid()}

    build = BuildInfo(commit="abc1234", environment="test")
    gate = OpsGate("", strict=False)
    return HealthDoor(
        RequestContext(api), prober=prober, startup=Startup([]), gate=gate, build=build, draining=DRAINING
    )
