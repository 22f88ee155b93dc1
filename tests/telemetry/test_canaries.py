"""Fifty planted words of a candidate, through every path that can fail, appear in no log, metric or error report."""

import asyncio
import gc
import logging
from collections.abc import Iterator

import httpx
import pytest
import sentry_sdk
from fastapi import FastAPI, Request
from pydantic import BaseModel
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from app.telemetry.logs import get_logger, log_context
from app.telemetry.metrics import FACTS_STORED, GUARD_BLOCKS, HANDOFFS, LLM_TOKENS, WEBHOOK_EVENTS
from app.telemetry.metrics_registry import render_metrics
from app.telemetry.request_id import RequestContext
from app.telemetry.sentry import capture, setup_sentry, traced
from tests.fixtures.telemetry import LogLines, serve

KINDS = {
    "text": "ich wohne in der Gartenstrasse {n} canary",
    "phone": "+4917612345{n:03d}",
    "token": "sk-ant-canary{n:03d}secret",
    "cv": "Schweisser-Zertifikat {n} canary",
    "name": "Canarya{n} Kowalska",
}
CANARIES = {f"{kind}-{n}": text.format(n=n) for n in range(10) for kind, text in KINDS.items()}
ADDRESS = "wa:106540352242922:0b7a4c1d2e3f40516273"
log = get_logger()


class Kept(Transport):
    """A transport that keeps what would be sent, byte for byte."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize())

    @property
    def text(self) -> str:
        return b"\n".join(self.sent).decode()


@pytest.fixture
def sentry() -> Iterator[Kept]:
    transport = Kept()
    setup_sentry(
        "https://public@localhost/1",
        commit="abc1234",
        environment="production",
        replica="r-1",
        traces_sample_rate=1.0,
        transport=transport,
    )
    yield transport
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


class Application(BaseModel):
    """A body that does not validate."""

    years: int


class VendorError(Exception):
    """What a library raises: its text quotes what it was given."""


def planted(number: int) -> str:
    """All kinds of canaries of one number, in one text."""
    return " ".join(CANARIES[f"{kind}-{number}"] for kind in KINDS)


def fail(error: Exception) -> None:
    """Where a library gives up."""
    raise error


def service() -> RequestContext:
    """Routes that fail in the ways a service fails, each with words of a candidate in every variable."""
    app = FastAPI()

    @app.post("/raise/{path}")
    async def raised(path: str, request: Request) -> None:
        body = (await request.body()).decode()
        try:
            try:
                fail(VendorError(body))
            except VendorError as error:
                raise RuntimeError(planted(1)) from error
        except RuntimeError as error:
            error.add_note(planted(2))
            capture(error)
            raise

    @app.post("/group")
    async def group() -> None:
        try:
            fail(ExceptionGroup(planted(3), [ValueError(planted(3)), VendorError({"body": planted(3)})]))
        except ExceptionGroup as error:
            capture(error)
            log.exception("turn.failed", reason=planted(3), conversation=ADDRESS)

    @app.post("/validate")
    async def validate(application: Application) -> None: ...

    @app.post("/library")
    async def library() -> None:
        logging.getLogger("vendor.sdk").error("request failed: %s", planted(4), extra={"body": planted(4)})
        logging.getLogger("vendor.sdk").warning(f"could not read {planted(4)}")
        logging.getLogger("httpx").warning("HTTP Request: GET https://x.example/?q=%s", planted(4))
        try:
            Application.model_validate({"years": planted(4)})
        except ValueError:
            logging.getLogger("vendor.sdk").exception("validation of %s", planted(4))

    return RequestContext(app)


async def _http_paths() -> None:
    async with serve(service()) as url, httpx.AsyncClient(base_url=url) as client:
        headers = {
            "authorization": f"Bearer {CANARIES['token-0']}",
            "x-request-id": CANARIES["phone-0"],
            "x-railway-request-id": CANARIES["phone-0"],
            "x-360dialog-signature": CANARIES["token-0"],
            "user-agent": CANARIES["name-0"],
            "cookie": f"session={CANARIES['token-0']}",
        }
        query = {"phone": CANARIES["phone-0"], "q": planted(0)}
        path = f"/raise/{CANARIES['name-0']}"
        assert (await client.post(path, params=query, headers=headers, content=planted(0))).status_code == 500
        assert (await client.post("/group", params=query, headers=headers)).status_code == 200
        assert (await client.post("/validate", json={"years": planted(5)})).status_code == 422
        assert (await client.post("/library")).status_code == 200
        await client.get(f"/{CANARIES['name-5']}/{CANARIES['phone-5']}")


async def _worker_paths() -> None:
    """What runs without a request: turns, forgotten tasks, careless log calls."""
    with log_context(conversation=ADDRESS, turn="0f0c8a52-7d11-5f0e-9d3a-6f1f2b3c4d5e"), traced("turn.run", "turn"):
        sentry_sdk.set_tag("text", planted(6))
        sentry_sdk.set_user({"username": CANARIES["name-6"], "id": CANARIES["phone-6"]})
        sentry_sdk.set_context("candidate", {"cv": planted(6)})
        sentry_sdk.set_extra("message", planted(6))
        sentry_sdk.add_breadcrumb(message=planted(6))
        sentry_sdk.capture_message(planted(6))
        with sentry_sdk.start_span(op="llm", name=planted(6)) as span:
            span.set_data("prompt", planted(6))
        try:
            fail(VendorError(planted(7)))
        except VendorError as error:
            capture(error)
            log.exception(planted(7), text=planted(7), name=CANARIES["name-7"], error=str(error), exc_info=error)
        log.info("turn.completed", **{CANARIES["name-7"]: planted(7), "conversation": CANARIES["phone-7"]})
        log.warning("turn.retried", reason=planted(7), problem=CANARIES["phone-7"], faults=[CANARIES["phone-7"]])

    async def forgotten() -> None:
        raise VendorError(planted(8))

    task = asyncio.create_task(forgotten())
    await asyncio.wait({task})
    del task
    gc.collect()


def _metric_paths() -> None:
    for family, arity in ((HANDOFFS, 1), (GUARD_BLOCKS, 1), (FACTS_STORED, 1), (WEBHOOK_EVENTS, 2), (LLM_TOKENS, 3)):
        if family is not GUARD_BLOCKS:
            family(*[planted(9)] * arity).inc()


@pytest.mark.filterwarnings("ignore")
async def test_no_canary_leaves_the_process(log_lines: LogLines, sentry: Kept) -> None:
    await _http_paths()
    await _worker_paths()
    _metric_paths()
    sentry_sdk.flush()
    outputs = {"logs": log_lines.text, "Sentry": sentry.text, "metrics": render_metrics()[0].decode()}
    assert len(CANARIES) == 50
    leaked = [
        f"{name} in {place}"
        for place, text in outputs.items()
        for name, canary in CANARIES.items()
        for shape in {canary, canary.replace(" ", "%20"), canary.replace(" ", "+"), canary.lstrip("+")}
        if shape in text
    ]
    assert leaked == []
    # The other direction: the reports are of use, so the emptiness above is not an accident.
    assert sentry.text.count('"VendorError"') >= 3
    assert ADDRESS in sentry.text
    assert '"release":"abc1234"' in sentry.text
    assert "test_canaries.py" in sentry.text
    assert '"transaction":"turn.run"' in sentry.text
    assert ADDRESS in log_lines.text
    assert len(log_lines.named("http.request")) == 5


async def test_health_is_never_traced_and_nothing_is_sent_without_a_dsn(sentry: Kept) -> None:
    with traced("/health/readiness", "http.server"):
        pass
    sentry_sdk.flush()
    assert "transaction" not in sentry.text


def test_without_a_dsn_nothing_is_set_up() -> None:
    setup_sentry("", commit="abc1234", environment="test")
    assert not sentry_sdk.get_client().is_active()
    capture(ValueError("goes nowhere"))
    with traced("turn.run", "turn"):
        pass


async def test_the_release_falls_back_to_the_deployment() -> None:
    transport = Kept()
    setup_sentry("https://public@localhost/1", commit="unknown", environment="x", deployment="d-9", transport=transport)
    try:
        capture(ValueError())
        sentry_sdk.flush()
        assert '"release":"d-9"' in transport.text
    finally:
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
