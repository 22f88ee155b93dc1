"""Logs are one JSON event a line, carry ids, and never a person's words."""

import asyncio
import logging
import traceback
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.logs import bound_ids, get_logger, log_context, setup_logging
from app.telemetry.redaction import ALLOWED_FIELDS, ID_FIELDS, MASK, safe_fields, safe_id, scrub
from tests.fixtures.telemetry import LogLines

ADDRESS = "wa:106540352242922:0b7a4c1d2e3f40516273"


class OwnError(Exception):
    """An error of ours: the module's name is what makes its text trusted."""


OwnError.__module__ = "app.engine.errors"


def test_an_event_is_one_json_line_with_message_level_and_time(log_lines: LogLines) -> None:
    get_logger().warning("turn.completed", duration_ms=12.5, tier="claude")
    (event,) = log_lines.events
    assert (event["message"], event["level"], event["duration_ms"]) == ("turn.completed", "warn", 12.5)
    assert event["timestamp"].endswith("Z")


async def test_ids_bound_around_a_task_reach_its_children(log_lines: LogLines) -> None:
    async def child() -> None:
        get_logger().info("turn.completed")

    with log_context(request_id="req-abcdef12", conversation=ADDRESS, turn="t-1"):
        await asyncio.gather(child(), asyncio.to_thread(get_logger().info, "turn.threaded"))
    assert bound_ids() == {}
    assert len(log_lines.events) == 2
    for event in log_lines.events:
        assert (event["request_id"], event["conversation"], event["turn"]) == ("req-abcdef12", ADDRESS, "t-1")


def test_unknown_fields_and_sentences_are_withheld_by_name(log_lines: LogLines) -> None:
    get_logger().info("Maria said hello", text="I am Maria", phone=31612345678, outcome="committed", count=3)
    (event,) = log_lines.events
    assert event["message"] == "log.unnamed_event"
    assert (event["outcome"], event["count"]) == ("committed", 3)
    assert set(event["withheld_fields"]) == {"text", "phone", "event"}
    assert "Maria" not in log_lines.text
    assert "31612345678" not in log_lines.text


def test_an_exception_is_shown_by_type_and_place_not_by_its_words(log_lines: LogLines) -> None:
    words = "Maria lives in Utrecht"
    try:
        int(words)
    except ValueError:
        get_logger().exception("turn.failed")
    (event,) = log_lines.events
    assert event["exception_type"] == "builtins.ValueError"
    assert "test_logs.py" in event["exception_frames"][-1]
    assert words not in log_lines.text


def test_our_own_exceptions_keep_their_advice(log_lines: LogLines) -> None:
    get_logger().error("record.refused", exc_info=OwnError("run `python -m app migrate`; call +31 6 12345678"))
    (event,) = log_lines.events
    assert event["exception_message"] == f"run `python -m app migrate`; call {MASK}"


def test_lines_of_libraries_show_their_template_never_their_arguments(log_lines: LogLines) -> None:
    logging.getLogger("some.library").warning("could not parse %s", "Maria 0612345678")
    logging.getLogger("some.library").warning("could not parse Maria 0612345678")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 42)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org/?phone=0612345678")
    first, second, third = log_lines.events
    assert first["message"] == "could not parse %s"
    assert second["message"] == "log.foreign"
    assert third["message"] == "Started server process [42]"
    assert "Maria" not in log_lines.text


def test_a_failed_start_that_uvicorn_logs_as_text_keeps_type_and_place(log_lines: LogLines) -> None:
    try:
        int("Maria")
    except ValueError:
        trace = traceback.format_exc()
    logging.getLogger("uvicorn.error").error(trace)
    (event,) = log_lines.events
    assert event["exception_type"] == "ValueError"
    assert "test_logs.py" in event["exception_frames"][0]
    assert "Maria" not in log_lines.text


def test_warnings_of_python_come_through_the_same_door(log_lines: LogLines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    assert log_lines.events[0]["logger"] == "py.warnings"


def test_a_terminal_gets_readable_lines(capfdbinary: pytest.CaptureFixture[bytes], log_lines: LogLines) -> None:
    setup_logging(human=True)
    get_logger().info("turn.completed", duration_ms=3)
    shown = capfdbinary.readouterr().out.decode()
    assert "turn.completed" in shown
    assert not shown.startswith("{")


@pytest.mark.parametrize(
    "secret",
    [
        "+31 6 1234 5678", "0031612345678", "jan.de.vries@example.org", "wamid.HBgLMzE2MTIzNDU2NzgVAgASGBQz",
        "Authorization: Bearer abc.def", "sk-ant-api03-abcdef", "eyJhbGciOi.eyJzdWIi.c2ln", "api_key=123abc",
        "https://user:pass@host/x", "/path?phone=31612345678&name=Jan",
    ],
)  # fmt: skip
def test_numbers_addresses_and_tokens_are_masked_in_texts(secret: str) -> None:
    shown = scrub(f"vendor answered {secret} to us")
    for part in ("1234 5678", "612345678", "jan.de", "HBgLMz", "abc.def", "api03", "c2ln", "123abc", "pass@", "Jan"):
        assert part not in shown


@given(st.sampled_from(sorted(ID_FIELDS)), st.integers(10**8, 10**14))
def test_no_identifier_field_carries_a_bare_long_number(field: str, number: int) -> None:
    kept, _ = safe_fields({field: f"+{number}", "other": str(number)})
    assert str(number) not in str(kept)


@given(st.text(), st.text())
def test_only_listed_fields_can_carry_text(name: str, value: str) -> None:
    kept, withheld = safe_fields({name: value})
    assert name in ALLOWED_FIELDS or (not kept and len(withheld) == 1)


def test_identifiers_pass_unchanged() -> None:
    for value in (
        ADDRESS,
        "claude-sonnet-5-5",
        "/api/v1/candidates/{id}",
        "0f0c8a52-7d11-5f0e-9d3a-6f1f2b3c4d5e",
        "131047",
    ):
        assert safe_id(value) == value
