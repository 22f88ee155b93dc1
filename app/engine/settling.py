"""How long to wait for the rest of a burst: short after a tap or a complete answer, longer in the middle of one."""

from dataclasses import dataclass

from app.mailbox.mailbox import Clock
from app.recruiting.events import CandidateSaid, RecruiterSaid
from app.recruiting.messages import Kind

# Marks that end a sentence in the languages we speak (Arabic question mark and full stop included).
SENTENCE_END = (".", "!", "?", "…", "؟", "۔", ")")
# Several messages written one after the other are handled in one turn.
RECRUITER_SECONDS = 0.4
# A message this long is rarely a fragment.
COMPLETE_CHARACTERS = 80


@dataclass(frozen=True)
class Pace:
    """Seconds: `short` after a tap or a complete answer, `long` deep in a burst, `cap` from its first message."""

    short: float
    long: float
    cap: float


def quiet_seconds(pace: Pace, clock: Clock) -> float:
    """How long the candidate has to be quiet before the turn begins."""
    if isinstance(clock.newest, RecruiterSaid):
        return RECRUITER_SECONDS
    if not isinstance(clock.newest, CandidateSaid):
        return 0.0  # a command, a timer: nothing to wait for
    message = clock.newest.message
    if message.kind is Kind.CHOICE:
        return pace.short / 2
    text = message.text.rstrip()
    complete = text.endswith(SENTENCE_END) or len(text) >= COMPLETE_CHARACTERS
    if message.kind is not Kind.TEXT or complete:
        return pace.short
    # Each fragment makes another one likelier; the wait grows towards `long`.
    return min(pace.long, pace.short * (1 + 0.75 * (clock.count - 1)))


def wait_seconds(pace: Pace, clock: Clock) -> float:
    """Seconds from now until the turn may begin; 0 or less = now."""
    settled = min(clock.last + quiet_seconds(pace, clock), clock.first + pace.cap)
    return max(settled, clock.not_before) - clock.now
