"""Candidates' questions about a vacancy, answered from what the employer approved, and from nothing else.

The answer is the approved text itself. Where it exists in another language only, it is quoted: nothing here translates.
"""

from collections.abc import Iterator, Sequence

import msgspec

from app.recruiting.intake import Line
from app.recruiting.lexicon import TOPICS
from app.recruiting.vacancy import FALLBACK, ApprovedFact, Vacancy, Words, pay_text
from app.recruiting.vacancy_questions import questions_in, topics_in

ANSWER, QUOTED = "answer", "answer_quoted"  # phrases


class Answers(msgspec.Struct, frozen=True):
    """`lines` are what may be said; `rest`: something was asked that they do not answer."""

    lines: list[Line]
    topics: list[str]
    rest: bool


def answers(vacancy: Vacancy, texts: Sequence[str], language: str) -> Answers:
    """What the approved facts say to the questions of some messages."""
    told: dict[str, str] = {}
    topics: list[str] = []
    rest = False
    for text in texts:
        asked = questions_in(text, language)
        for sentence in asked:
            said = [one for topic in sentence.topics for one in _about(vacancy, topic, language)]
            told |= dict(said)
            topics += sentence.topics if said else []
            rest = rest or not said
        rest = rest or not asked
    own = [text for text, code in told.items() if code == language]
    lines = [Line(key=ANSWER, params={"answer": "\n".join(own)})] if own else []
    for code in dict.fromkeys(code for code in told.values() if code != language):
        quoted = "\n".join(text for text, other in told.items() if other == code)
        lines.append(Line(key=QUOTED, params={"answer": quoted, "language_code": code}))
    return Answers(lines, list(dict.fromkeys(topics)), rest)


def _about(vacancy: Vacancy, topic: str, language: str) -> Iterator[tuple[str, str]]:
    """Texts on a topic, each with its language."""
    if topic == "pay":
        yield pay_text(vacancy, language), language
    if topic in {"place", "hours"}:
        yield _told(vacancy.place, vacancy, language)
    for fact in vacancy.approved:
        if topic in topics_of(fact, vacancy):
            yield _told(fact.text, vacancy, language)


def topics_of(fact: ApprovedFact, vacancy: Vacancy) -> tuple[str, ...]:
    """What an approved fact is about: its id where that is a topic, else the topics that its words name."""
    if fact.id in TOPICS:
        return (fact.id,)
    text, code = _told(fact.text, vacancy, vacancy.languages[0])
    return topics_in(text, code)


def _told(words: Words, vacancy: Vacancy, language: str) -> tuple[str, str]:
    """The text in the language, else in English, else in the first there is; and which language that is."""
    if isinstance(words, str):
        return words, vacancy.languages[0]
    for code in (language, FALLBACK, *words):
        if words.get(code):
            return words[code], code
    return "", language
