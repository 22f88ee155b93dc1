"""Logs are events: one JSON object a line on stdout, or readable lines when a person watches a terminal.

Every line, also those of uvicorn, gunicorn, docket and other libraries, passes the same allow-list (`redaction`).
Code logs with `get_logger()` and dotted event names: `log.info("turn.completed", duration_ms=…)`.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import BinaryIO, Final, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.telemetry.redaction import describe_exception, describe_traceback, is_event_name, safe_fields, scrub

# Railway knows debug, info, warn and error.
_LEVELS: Final = {"warning": "warn", "critical": "error", "fatal": "error", "exception": "error"}
# Loggers whose message texts are known to carry no data of ours; all others show their template, never arguments.
_TRUSTED: Final = ("uvicorn", "gunicorn", "app")
# Libraries that narrate every request or task: only their warnings are of interest.
_QUIET: Final = (
    "anthropic", "asyncio", "docket", "h2", "hpack", "httpcore", "httpcore2", "httpx", "httpx2", "langgraph", "openai",
    "redisvl",
)  # fmt: skip

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_conversation: ContextVar[str] = ContextVar("conversation", default="")
_turn: ContextVar[str] = ContextVar("turn", default="")


class Output:
    """Where lines go: one write per call, so that lines of several processes on one pipe do not mix."""

    def __init__(self) -> None:
        self._stream: BinaryIO | None = None
        self._lock = threading.Lock()

    def use(self, stream: BinaryIO | None) -> None:
        """Write to `stream` from now on; None means the process's stdout."""
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write whole lines. A reader that went away must not take the service with it."""
        stream = self._stream if self._stream is not None else sys.stdout.buffer
        with self._lock:
            try:
                stream.write(data)
                stream.flush()
            except (BrokenPipeError, ValueError):
                self._stream = None


OUTPUT: Final = Output()


class _Line:
    """The logger structlog ends in: it writes what the renderer made."""

    def msg(self, line: bytes | str) -> None:
        OUTPUT.write((line.encode("utf-8", "replace") if isinstance(line, str) else line) + b"\n")

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The one logger; usable at import time, configured by `setup_logging`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger())


@contextmanager
def log_context(
    *, request_id: str | None = None, conversation: str | None = None, turn: str | None = None
) -> Iterator[None]:
    """Bind ids to every log line and error report of the block, also across awaits and child tasks.

    `conversation` is the mailbox address, `turn` the turn id. Workers bind what a task's payload carries.
    """
    wanted = ((_request_id, request_id), (_conversation, conversation), (_turn, turn))
    tokens = [(variable, variable.set(value)) for variable, value in wanted if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def begin_request(request_id: str) -> None:
    """Start a request's context: its id, and nothing left over from an earlier request on the connection."""
    _request_id.set(request_id)
    _conversation.set("")
    _turn.set("")


def bound_ids() -> dict[str, str]:
    """The ids bound now, without empty ones: for tasks that carry them on and for error reports."""
    pairs = (("request_id", _request_id), ("conversation", _conversation), ("turn", _turn))
    return {name: value for name, variable in pairs if (value := variable.get())}


def timestamp() -> str:
    """UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shape_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Allow-list the fields, turn an exception into type and frames, add ids, level and time."""
    message = str(event.pop("event", ""))
    level = str(event.pop("level", "info"))
    error = _taken_exception(event)
    fields, withheld = safe_fields(event)
    if not is_event_name(message):
        withheld.append("event")
        message = "log.unnamed_event"
    shaped: dict[str, object] = {"message": message, "level": _LEVELS.get(level, level), "timestamp": timestamp()}
    shaped |= bound_ids()
    shaped |= fields
    if error is not None:
        shaped |= describe_exception(error)
    if withheld:
        shaped["withheld_fields"] = withheld
    return shaped


def _taken_exception(event: EventDict) -> BaseException | None:
    info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return cast(BaseException | None, info[1])
    return sys.exc_info()[1] if info else None


class ForeignRecords(logging.Handler):
    """Standard-library records (uvicorn, gunicorn, docket, vendors' SDKs) as events of ours."""

    def __init__(self, render: Processor) -> None:
        super().__init__()
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        """Trusted loggers speak in full; of others only the constant template is shown, never its arguments."""
        event: dict[str, object] = {
            "message": "log.foreign",
            "level": _LEVELS.get(record.levelname.lower(), record.levelname.lower()),
            "timestamp": timestamp(),
            "logger": record.name,
            **bound_ids(),
        }
        if record.name.split(".")[0] in _TRUSTED:
            text = record.getMessage().strip()
            event["message"] = scrub(text.split("\n", 1)[0])
            event |= describe_traceback(text)
        else:
            event["source"] = f"{record.module}.{record.funcName}:{record.lineno}"
            if record.args and isinstance(record.msg, str):
                event["message"] = scrub(record.msg.split("\n", 1)[0])
        if record.exc_info and record.exc_info[1] is not None:
            event |= describe_exception(record.exc_info[1])
        rendered = self._render(None, record.levelname.lower(), event)
        OUTPUT.write((rendered if isinstance(rendered, bytes) else str(rendered).encode("utf-8", "replace")) + b"\n")


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """One line of JSON; a value orjson does not know is shown as its type only."""
    return orjson.dumps(event, default=_unknown, option=orjson.OPT_NON_STR_KEYS)


def _unknown(value: object) -> str:
    return f"<{type(value).__name__}>"


def _human_renderer() -> Processor:
    console = structlog.dev.ConsoleRenderer(colors=True, event_key="message", pad_event_to=32)

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        trace = event.pop("exception_frames", None)
        line = str(console(logger, method, event))
        return line if not trace else "\n".join([line, *(f"    {frame}" for frame in trace)])

    return render


def setup_logging(*, level: str = "INFO", human: bool | None = None, stream: BinaryIO | None = None) -> None:
    """Route every log line of the process through one renderer. Call once per process, before the first line.

    `human` None means: readable when stdout is a terminal, else JSON. `stream` instead of stdout: for tests, and
    for commands whose stdout is their answer.
    """
    OUTPUT.use(stream)
    if human is None:
        human = stream is None and sys.stdout.isatty()
    render: Processor = _human_renderer() if human else render_json
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, shape_event, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Line(),
        cache_logger_on_first_use=stream is None,
    )
    root = logging.getLogger()
    root.handlers[:] = [ForeignRecords(render)]
    root.setLevel(number)
    logging.captureWarnings(capture=True)
    for name in list(logging.Logger.manager.loggerDict):
        if name.split(".")[0] in (*_TRUSTED, *_QUIET):
            logger = logging.getLogger(name)
            logger.handlers[:] = []
            logger.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    # The access line is ours (route template, no query string); uvicorn's prints the whole path.
    logging.getLogger("uvicorn.access").disabled = True
