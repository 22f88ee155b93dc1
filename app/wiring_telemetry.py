"""What a process tells the outside about itself while it runs: build, errors, traces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.api.health import BuildInfo
from app.settings import Settings
from app.telemetry.logs import get_logger
from app.telemetry.metrics import name_build
from app.telemetry.sentry import capture, flush, setup_sentry

log = get_logger()


@asynccontextmanager
async def telemetry(settings: Settings, build: BuildInfo) -> AsyncIterator[None]:
    """Begin after the fork: exporters have threads. At the end what is queued is sent, for two seconds at most."""
    name_build(commit=build.commit, environment=build.environment, replica=build.replica, region=build.region)
    setup_sentry(
        settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else "",
        commit=build.commit,
        environment=build.environment,
        deployment=build.deployment,
        replica=build.replica,
    )
    stop_tracing = None
    if settings.otel_exporter_otlp_endpoint:
        # Half a second and 6 MB that only deployments with a collector pay.
        from app.telemetry.tracing import setup_tracing  # noqa: PLC0415

        stop_tracing = setup_tracing(
            settings.otel_exporter_otlp_endpoint,
            commit=build.commit,
            environment=build.environment,
            replica=build.replica,
        )
    try:
        yield
    except Exception as error:
        # A start that fails for good, or an end that goes wrong: the process ends with it.
        capture(error)
        log.exception("process.failed")
        raise
    finally:
        await asyncio.to_thread(flush, 2.0)
        if stop_tracing is not None:
            await asyncio.to_thread(stop_tracing)
