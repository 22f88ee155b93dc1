"""Turns about which no model needs to be asked: rules understand them wholly, or nobody would use the answer."""

from app.agents import turn_view
from app.agents.state import TurnInput
from app.recruiting.interrupts import Intent, Noticed, in_messages
from app.recruiting.languages import FALLBACK
from app.recruiting.lexicon import is_whole
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.policy import HANDOFFS
from app.recruiting.text import read

# Heard in the candidate's own words, these decide the turn whatever else is said in it.
DECISIVE = frozenset({Intent.STOP, *(intent for intent, _, _ in HANDOFFS)})
_WHOLE = frozenset({Intent.YES, Intent.NO, Intent.THANKS, Intent.GREETING, Intent.START, Intent.SKIP, Intent.UNSURE})
_WORDLESS = frozenset({Kind.CHOICE, Kind.LOCATION, Kind.REACTION, Kind.REVOKE, Kind.CONTACTS, Kind.ORDER})


def own_words(turn: TurnInput) -> list[InboundMessage]:
    """This turn's messages that hold words of the candidate's own: no taps, places, reactions."""
    return [m for m in turn_view.inbound(turn) if m.text.strip() and m.kind not in _WORDLESS]


def whole_answers(messages: list[InboundMessage], language: str) -> bool:
    """Every message is nothing but a yes, a no, thanks, a greeting or the like."""
    texts = [read(message.text) for message in messages]
    return all(any(is_whole(text, section, language) for section in _WHOLE) for text in texts)


def unasked(turn: TurnInput, noticed: list[Noticed] | None = None) -> str:
    """Why no model is asked what this turn says: a word for the decision log, or empty. `noticed`: by the rules."""
    return _not_for_models(turn) or _understood(turn, noticed)


def _not_for_models(turn: TurnInput) -> str:
    if turn["conversation"]["owner"] != "assistant":
        return "person_leads"
    if turn["conversation"]["opted_out"]:
        return "opted_out"
    if turn_view.intake(turn).stage == "new" and not turn_view.consented(turn):
        return "before_notice"  # the greeting is always the same; nobody's words go to a vendor before they read it
    return ""


def _understood(turn: TurnInput, noticed: list[Noticed] | None) -> str:
    messages = own_words(turn)
    if not messages:
        return "no_words"
    language = turn_view.language(turn) or FALLBACK
    if noticed is None:
        noticed = in_messages(messages, language, turn_view.asked(turn))
    if any(n.intent in DECISIVE for n in noticed):
        return "decisive_words"
    return "whole_answer" if whole_answers(messages, language) else ""
