"""What a person may say at any stage and be heard: STOP, a human, their data, danger."""

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from app.recruiting.answers.dates import find_dates
from app.recruiting.clauses import everyday_words, negated_before, says
from app.recruiting.lexicon import knowing, lexicon
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.patterns import captured, search
from app.recruiting.profile import Field
from app.recruiting.text import Clause, Text, read
from app.recruiting.vacancy_questions import asks_about_vacancy


class Intent(StrEnum):
    """What the router tells the policy. The first ones interrupt any stage."""

    STOP = "stop"
    START = "start"
    HUMAN = "human"
    DELETE = "delete"
    ABOUT_ME = "about_me"
    BOT = "bot"
    DANGER = "danger"
    MINOR = "minor"
    COMPLAINT = "complaint"
    ABUSE = "abuse"
    INJECTION = "injection"
    SENSITIVE = "sensitive"
    ADJUSTMENT = "adjustment"
    OFF_TOPIC = "off_topic"
    OTHER_WORK = "other_work"
    QUESTION = "question"
    REMOVE = "remove"
    CHANGE = "change"
    CORRECTING = "correcting"
    SKIP = "skip"
    THANKS = "thanks"
    GREETING = "greeting"
    YES = "yes"
    NO = "no"
    UNSURE = "unsure"
    URGENT = "urgent"


class Noticed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An intent with the message it was seen in and the words that carry it.

    `field`: what REMOVE or CHANGE is about, a kind or path of the profile. `urgency`: how soon a person should look.
    """

    intent: Intent
    message_id: str
    quote: str = ""
    field: str = ""
    urgency: str = ""


# "don't stop calling me" keeps the conversation; "do not delete my data" keeps the data.
_NEGATABLE = {Intent.STOP, Intent.DELETE, Intent.HUMAN, Intent.START}
_REACH = 2  # words before the match in which a negation turns it round
ADULT = 18
_NAME_WORDS = 2
_NAMERS = frozenset({"they", "mates", "friends", "people", "everyone", "everybody", "colleagues", "all", "family"})
_CALL_WHEN = frozenset(
    {"now", "back", "asap", "today", "please", "later", "anytime", "again", "plz", "pls", "urgently"}
)
_LONGEST_YES = 6  # words
_SHORT_REQUEST = 4  # words
_PLAUSIBLE_MINOR = 10  # "I'm 5" is a count, not an age
_ANYWHERE = (
    Intent.STOP, Intent.HUMAN, Intent.DELETE, Intent.ABOUT_ME, Intent.BOT, Intent.DANGER, Intent.COMPLAINT,
    Intent.SENSITIVE, Intent.ADJUSTMENT, Intent.OFF_TOPIC, Intent.OTHER_WORK, Intent.CHANGE,
    Intent.CORRECTING, Intent.SKIP, Intent.UNSURE,
)  # fmt: skip
# What a message may ask for even when it insults or tries to instruct us.
REQUESTS = frozenset(
    {
        Intent.STOP, Intent.HUMAN, Intent.DELETE, Intent.ABOUT_ME, Intent.BOT, Intent.DANGER, Intent.MINOR,
        Intent.COMPLAINT, Intent.SENSITIVE, Intent.ADJUSTMENT,
    }
)  # fmt: skip
_WHOLE = (Intent.START, Intent.THANKS, Intent.GREETING, Intent.YES, Intent.NO)
_BUTTONS = {
    "v1:intake:open:human": Intent.HUMAN,
    "v1:intake:review:human": Intent.HUMAN,
    "v1:intake:open:questions": Intent.QUESTION,
    "v1:intake:review:change": Intent.CHANGE,
    "v1:intake:review:correct": Intent.YES,
    "v1:intake:consent:yes": Intent.YES,
    "v1:intake:consent:no": Intent.NO,
}


def _anywhere(text: Text, intent: Intent, language: str) -> str | None:
    """Quote of the intent, in whichever of the languages it is said."""
    for words in knowing(intent, text.whole.folded, language):
        pattern = words.patterns[intent]
        for clause in text.clauses:
            for match in pattern.finditer(clause.folded + " "):
                if intent is Intent.HUMAN and _nicknamed(clause, match.start(), match.end(), language):
                    continue
                if intent not in _NEGATABLE or not negated_before(clause, match.start(), language, _REACH):
                    return clause.quote(match.start(), match.end() - 1)
    return None


def _nicknamed(clause: Clause, start: int, end: int, language: str) -> bool:
    """`My mates call me Ziggy` and `call me Ziggy` name; "call me Monday" and "call me back" ask."""
    if clause.folded[start:end].strip() != "call me":
        return False
    if _NAMERS & set(clause.folded[:start].split()[-2:]):
        return True
    following = clause.tail(end)
    if not 1 <= len(following) <= _NAME_WORDS or any(
        word.folded in _CALL_WHEN | everyday_words() for word in following
    ):
        return False
    any_day = dt.date(2000, 1, 1)  # only whether there is a date counts
    return all(clause.source[word.start].isupper() for word in following) and not find_dates(
        (clause,), any_day, language
    )


def _stop_word_inside(text: Text, clause_quote: str) -> bool:
    """`I drive, stop, unload`: a bare STOP between other clauses is a story, not a command."""
    middle = text.clauses[1:-1]
    return len(text.clauses) > 2 and any(
        clause.quote(0, len(clause.folded)) == clause_quote and " " not in clause.folded for clause in middle
    )


def _minor(text: Text, language: str) -> str | None:
    for words in knowing("minor", text.whole.folded, language):
        for clause in text.clauses:
            match = search(words.patterns["minor"], clause.folded)
            number = captured(match, "number") if match else None
            if match and number and _PLAUSIBLE_MINOR <= int(clause.folded[slice(*number)]) < ADULT:
                return clause.quote(match.start(), match.end() - 1)
    return None


def _whole_of(text: Text, section: str, language: str) -> bool:
    folded = text.whole.folded
    return any(search(words.patterns[section], folded) for words in knowing(section, folded, language))


def _asks_for_staff(text: Text, language: str, asked: str) -> bool:
    """A bare word for staff, or a short request over a comma: "operator, please"."""
    if asked != Field.ROLE and _whole_of(text, "staff", language):
        return True
    return len(text.clauses) > 1 and len(text.words) <= _SHORT_REQUEST and _whole_of(text, Intent.HUMAN, language)


def _agrees(text: Text, language: str) -> bool:
    """Nothing but words of agreement, in any order: "ja klopt helemaal", "yes yes ok fine"."""
    alone, beside = lexicon(language).agreeing
    words = {word.folded for word in text.words}
    return bool(words & alone) and words <= beside and len(text.words) <= _LONGEST_YES


def _first_clause(text: Text, intent: Intent, language: str) -> bool:
    """`Yes, that is fine`: the answer stands alone before the first comma, and nothing after it takes it back."""
    if not text.clauses or not search(lexicon(language).patterns[intent], text.clauses[0].folded):
        return False
    return intent is not Intent.YES or not any(says(clause, "negation", language) for clause in text.clauses[1:])


def in_text(original: str, language: str, asked: str = "") -> list[tuple[Intent, str]]:
    """Every intent in one message with its quote, most urgent first as listed in `Intent`.

    `asked` is the open question's field: "Mitarbeiter" alone asks for a person, except where it names the work.
    """
    text = read(original)
    found: dict[Intent, str] = {}
    for intent in _ANYWHERE:
        if (quote := _anywhere(text, intent, language)) is not None:
            found[intent] = quote
    if Intent.STOP in found and _stop_word_inside(text, found[Intent.STOP]):
        del found[Intent.STOP]
    if _asks_for_staff(text, language, asked):
        found[Intent.HUMAN] = original.strip()
    if (quote := _minor(text, language)) is not None:
        found[Intent.MINOR] = quote
    for intent in _WHOLE:
        if _whole_of(text, intent, language):
            found[intent] = original.strip()
    if _agrees(text, language):
        found[Intent.YES] = original.strip()
    if not {Intent.YES, Intent.NO} & found.keys():
        found |= {i: original.strip() for i in (Intent.YES, Intent.NO) if _first_clause(text, i, language)}
    _settle_conflicts(found, text, language)
    answered_at_once = {Intent.BOT, Intent.ABOUT_ME, Intent.HUMAN, Intent.DELETE, Intent.OFF_TOPIC}
    asks = text.asks or asks_about_vacancy(original, language)
    if asks and not answered_at_once & found.keys():
        found[Intent.QUESTION] = original.strip()
    order = list(Intent)
    return sorted(found.items(), key=lambda item: order.index(item[0]))


def _settle_conflicts(found: dict[Intent, str], text: Text, language: str) -> None:
    """One word can be yes in one language and no in another; the conversation's own language decides."""
    if {Intent.YES, Intent.NO} <= found.keys():
        own = lexicon(language)
        drop = Intent.YES if search(own.patterns["no"], text.whole.folded) else Intent.NO
        del found[drop]
    if Intent.STOP in found:
        found.pop(Intent.NO, None)
        found.pop(Intent.CHANGE, None)
    if Intent.DELETE in found or Intent.STOP in found:
        found.pop(Intent.HUMAN, None)
    if Intent.HUMAN in found and Intent.BOT in found:
        # "I want a human, not a bot" wishes; "are you a real person?" wonders.
        del found[Intent.HUMAN if text.asks and len(text.clauses) == 1 else Intent.BOT]


def in_messages(messages: Iterable[InboundMessage], language: str, asked: str = "") -> list[Noticed]:
    """Intents of a turn's messages. A tapped button is its id's intent; its title is our own text and not read."""
    noticed: list[Noticed] = []
    for message in messages:
        if message.kind is Kind.CHOICE and message.choice_id.startswith("v1:"):
            if intent := _BUTTONS.get(message.choice_id):
                noticed.append(Noticed(intent=intent, message_id=message.message_id, quote=message.text))
        elif message.text and message.kind not in {Kind.REVOKE, Kind.CONTACTS, Kind.ORDER}:
            noticed += [
                Noticed(intent=intent, message_id=message.message_id, quote=quote)
                for intent, quote in in_text(message.text, language, asked)
            ]
    return noticed
