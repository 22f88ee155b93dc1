"""Errors go to Sentry without a word of a candidate's: what is sent is built anew from a short list of safe parts.

Measured: Sentry's own scrubbers match whole key names only; message texts, exception values,
query strings and headers leak with every other configuration.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.transport import Transport
from sentry_sdk.types import Event, Hint

from app.telemetry.logs import bound_ids
from app.telemetry.redaction import is_event_name, safe_id, scrub

# Built by the SDK or by us, never from a request.
_PLAIN: Final = (
    "event_id", "timestamp", "start_timestamp", "platform", "level", "release", "environment", "server_name", "type",
    "sdk",
)  # fmt: skip
_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")
_SPAN: Final = (
    "span_id", "parent_span_id", "trace_id", "same_process_as_parent", "op", "status", "start_timestamp", "timestamp",
)  # fmt: skip
_QUIET: Final = ("/health", "/metrics")


def setup_sentry(
    dsn: str,
    *,
    commit: str,
    environment: str,
    deployment: str = "",
    replica: str = "",
    traces_sample_rate: float = 0.02,
    transport: Transport | None = None,
) -> None:
    """Report errors to `dsn`; nothing happens without one. `transport` is for tests.

    The release is the commit, or Railway's deployment id where a deployment came from the command line without one.
    """
    if not dsn:
        return

    def sample(context: Mapping[str, Any]) -> float:
        name = str(context.get("transaction_context", {}).get("name", ""))
        return 0.0 if name.startswith(_QUIET) else traces_sample_rate

    sentry_sdk.init(
        dsn=dsn,
        release=commit if commit not in ("", "unknown") else deployment or None,
        environment=environment,
        server_name=replica or "none",
        transport=transport,
        before_send=_only_safe_parts,
        before_send_transaction=_only_safe_parts,
        traces_sampler=sample if traces_sample_rate else None,
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        # Auto-enabled integrations cost 170 µs a request and 160 MB; the default ones report every logged error twice.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration(), ExcepthookIntegration()],
        auto_session_tracking=False,
        enable_backpressure_handling=False,
        # Otherwise our trace headers go to Chatwoot, 360Dialog and the model vendors.
        trace_propagation_targets=[],
        in_app_include=["app"],
    )


def capture(error: BaseException) -> None:
    """Report an error that a run loop or the last-resort handler caught; the bound ids go along."""
    sentry_sdk.capture_exception(error)


@contextmanager
def traced(name: str, op: str) -> Iterator[None]:
    """Time a turn or request as a Sentry transaction; costs nothing without a DSN. `name` is an event name or route."""
    if not sentry_sdk.get_client().is_active():
        yield
        return
    with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(op=op, name=name, source="route"):
        yield


def flush(seconds: float = 2.0) -> None:
    """Send what is queued, at the end of the process. An error that ends it was reported; no hook reports it again."""
    sentry_sdk.get_client().close(timeout=seconds)


def _only_safe_parts(event: Event, _hint: Hint) -> Event | None:
    """A new event of allow-listed parts; whatever else the SDK or a library put in is left behind."""
    given: Mapping[str, Any] = event
    safe: Event = {name: given[name] for name in _PLAIN if name in given}  # type: ignore[assignment]
    if given.get("transaction"):
        safe["transaction"] = safe_id(str(given["transaction"]))
    message = (given.get("logentry") or {}).get("message") or given.get("message") or ""
    if is_event_name(str(message)):
        safe["message"] = str(message)
    values = (given.get("exception") or {}).get("values") or []
    if values:
        safe["exception"] = {"values": [_exception(value) for value in values]}
    trace = (given.get("contexts") or {}).get("trace") or {}
    if trace:
        safe["contexts"] = {"trace": {name: trace[name] for name in _SPAN if name in trace}}
    if "spans" in given:
        safe["spans"] = [_span(span) for span in given["spans"]]
    safe["tags"] = dict(bound_ids())
    return safe


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    mechanism = value.get("mechanism") or {}
    module = str(value.get("module") or "")
    safe: dict[str, Any] = {
        "type": value.get("type"),
        "module": module,
        "mechanism": {name: mechanism[name] for name in ("type", "handled") if name in mechanism},
        # Our own messages are written for operators; a library's may quote what it was given.
        "value": scrub(str(value.get("value", ""))) if module.partition(".")[0] == "app" else "",
    }
    frames = (value.get("stacktrace") or {}).get("frames") or []
    safe["stacktrace"] = {"frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]}
    return safe


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    safe = {name: span[name] for name in _SPAN if name in span}
    description = str(span.get("description") or "")
    return safe | ({"description": description} if is_event_name(description) else {})
