"""How long a burst may take: short after a tap or a complete answer, longer among fragments, never for ever."""

from hypothesis import given
from hypothesis import strategies as st

from app.engine.settling import RECRUITER_SECONDS, Pace, quiet_seconds, wait_seconds
from app.mailbox.mailbox import Clock
from app.recruiting.events import CandidateSaid, Event, RecruiterSaid, Sender
from app.recruiting.messages import InboundMessage, Kind

PACE = Pace(short=1.2, long=6.0, cap=20.0)


def said(text: str, kind: Kind = Kind.TEXT) -> Event:
    message = InboundMessage(message_id="m", sent_at=0.0, kind=kind, text=text)
    return CandidateSaid(number_id="1", sender=Sender(wa_id="31"), message=message)


def clock(
    event: Event,
    *,
    count: int = 1,
    first: float = 100.0,
    last: float = 100.0,
    now: float = 100.0,
    not_before: float = 0.0,
) -> Clock:
    return Clock(first=first, last=last, not_before=not_before, now=now, count=count, newest=event)


def test_a_tap_waits_least_then_a_sentence_then_a_fragment_deep_in_a_burst() -> None:
    tap = quiet_seconds(PACE, clock(said("Yes", Kind.CHOICE)))
    sentence = quiet_seconds(PACE, clock(said("I am a driver.")))
    fragment = quiet_seconds(PACE, clock(said("and also"), count=4))
    assert tap < sentence < fragment <= PACE.long


def test_what_recruiters_do_waits_for_nothing() -> None:
    assert (
        quiet_seconds(PACE, clock(RecruiterSaid(message_id=1, conversation_id=1, at=0.0, text="hi")))
        == RECRUITER_SECONDS
    )


def test_a_sentence_in_arabic_is_complete_too() -> None:
    assert quiet_seconds(PACE, clock(said("هل العمل متاح؟"))) == PACE.short


def test_a_burst_that_was_taken_up_before_has_settled() -> None:
    assert wait_seconds(PACE, clock(said("x"), first=0.0, last=0.0)) < 0


@given(
    count=st.integers(1, 200),
    text=st.text(max_size=200),
    gap=st.floats(0, 100),
    after=st.floats(0, 100),
    backoff=st.floats(0, 60),
)
def test_nobody_waits_longer_than_the_cap_or_less_than_a_delay_asks(
    count: int, text: str, gap: float, after: float, backoff: float
) -> None:
    first, last = 1000.0, 1000.0 + gap
    now = last + after
    wait = wait_seconds(PACE, clock(said(text), count=count, first=first, last=last, now=now, not_before=now + backoff))
    assert wait >= backoff - 1e-6
    assert wait <= max(first + PACE.cap - now, backoff) + 1e-6
