"""What candidates ask about a vacancy, told by word lists: pay, hours, place, start and the like."""

import re

import msgspec

from app.recruiting.clauses import says
from app.recruiting.lexicon import TOPICS, in_order, knowing
from app.recruiting.patterns import search
from app.recruiting.text import Clause, read

_SHORT = 2  # words of a greeting before a comma
_BESIDE = 4  # words of a bare answer
_MARKS = "?؟"
_SENTENCE = re.compile(r"[^.!?؟;؛\n]+(?:[.!;؛](?=\S)[^.!?؟;؛\n]*)*[.!?؟;؛\n]*")


class Sentence(msgspec.Struct, frozen=True):
    """A sentence that asks, and what about; no topic: something that no list knows."""

    text: str
    topics: tuple[str, ...]


def questions_in(original: str, language: str) -> list[Sentence]:
    """Sentences with a question mark, and those that begin as questions do and name a topic."""
    found = []
    for sentence in _sentences(original):
        marked = any(mark in sentence for mark in _MARKS)
        if not (marked or _begins_asking(sentence, language)):
            continue
        topics = topics_in(sentence, language)
        if marked or topics:
            found.append(Sentence(sentence.strip(), topics))
    return found


def asks_about_vacancy(original: str, language: str) -> bool:
    """A question of which some list knows the topic, with or without its mark."""
    return any(sentence.topics for sentence in questions_in(original, language))


def statement_of(original: str, language: str) -> str:
    """The message without its questions, if lists know what all of these are about: "Utrecht. And the pay?"."""
    asked = questions_in(original, language)
    if not asked or not all(sentence.topics for sentence in asked):
        return original
    questions = {sentence.text for sentence in asked}
    told = [sentence for sentence in _sentences(original) if sentence.strip() not in questions]
    # One stretch of the message, so that what is read in it can be quoted.
    rest = max(told, key=len, default=original)
    if len(read(rest).words) > _BESIDE or any(says(clause, "negation", language) for clause in read(rest).clauses):
        return original  # "I don't understand. Which town?" answers nothing
    return rest


def _sentences(original: str) -> list[str]:
    return [part for part in _SENTENCE.findall(original) if any(char.isalnum() for char in part)]


def _clauses(sentence: str) -> tuple[Clause, ...]:
    text = read(sentence)
    return (*text.clauses, text.whole) if len(text.clauses) > 1 else text.clauses


def topics_in(sentence: str, language: str) -> tuple[str, ...]:
    """As the conversation's own language names them; the words of others only where it names none."""
    clauses = _clauses(sentence)
    folded = read(sentence).whole.folded
    named: dict[str, list[str]] = {}
    for topic in TOPICS:
        for lexicon in knowing(f"ask_{topic}", folded, language):
            if any(search(lexicon.patterns[f"ask_{topic}"], clause.folded) for clause in clauses):
                named.setdefault(lexicon.code, []).append(topic)
    return next((tuple(named[one.code]) for one in in_order(language) if one.code in named), ())


def _begins_asking(sentence: str, language: str) -> bool:
    """By its first clause of some length: "Hi, what is the pay", but not "in Utrecht, where I work"."""
    clauses = read(sentence).clauses
    first = next((clause for clause in clauses if len(clause.words) > _SHORT), clauses[0])
    known = knowing("asking", first.folded, language)
    return any(search(lexicon.patterns["asking"], first.folded) for lexicon in known)
