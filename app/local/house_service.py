"""The service itself as a child of the house: its variables, its start, its end."""

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import httpx

from app.local.children import start_child, stop_child
from app.local.errors import LocalServerError

_READY_SECONDS: Final = 90
_PATIENCE_SECONDS: Final = 5
_STOP_SECONDS: Final = 30
_LAST_LINES: Final = 20


@contextlib.asynccontextmanager
async def running_service(variables: Mapping[str, str], url: str, log: Path) -> AsyncIterator[Process]:
    """`python -m app serve` with `variables` on top of our environment, ready to answer at `url`.

    Its output goes to `log`. Raises LocalServerError with the end of the log when it does not become ready.
    """
    with log.open("wb") as output:
        # Handed on, not read: only app/settings.py gives meaning to the environment.
        environ = {**os.environ, **variables}
        service = await start_child([sys.executable, "-m", "app", "serve"], log=output, environ=environ)
    try:
        await _until_ready(service, url, log)
        yield service
    finally:
        await stop_child(service, patience=_STOP_SECONDS)


async def _until_ready(service: Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    answer, told = "it does not answer", ""
    patience = time.monotonic() + _PATIENCE_SECONDS
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        while service.returncode is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                response = await client.get("/health/readiness")
                if response.is_success:
                    return
                answer = _what_is_missing(response)
            if answer != told and time.monotonic() > patience:
                told = answer
                sys.stderr.write(f"still waiting: {answer}\n")
            await asyncio.sleep(0.05)
    if service.returncode is not None:
        raise LocalServerError(f"{how_it_ended(service, log)}")
    raise LocalServerError(f"the service is not ready after {_READY_SECONDS} s: {answer}; its log is {log}")


def _what_is_missing(response: httpx.Response) -> str:
    """The parts that fail, each with the service's own advice."""
    with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, IndexError):
        checks = response.json()["checks"]
        failing = [
            f"{name}: {each.get('output') or each['status']}"
            for name, each in checks.items()
            if each["status"] == "fail"
        ]
        if failing:
            return "; ".join(failing)
    return f"HTTP {response.status_code} from /health/readiness"


def how_it_ended(service: Process, log: Path) -> str:
    """What to tell about a service that stopped by itself: the end of its log."""
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    tail = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
    return f"the service stopped by itself (exit code {service.returncode}); the end of {log}:\n{tail}"
