"""What a candidate wants changed about one thing that was noted: "remove my phone number", "not Anna but Hanna".

Erasing everything is another matter (`Intent.DELETE`), which a person handles.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

import msgspec

from app.recruiting.answers import licences
from app.recruiting.answers.reading import answered
from app.recruiting.clauses import everyday_words, negated_before, says
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.language_names import mentioned
from app.recruiting.lexicon import Lexicon, in_order, knowing
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.patterns import search
from app.recruiting.profile import Fact, Field, part
from app.recruiting.said import READABLE, Found, Said
from app.recruiting.text import Clause, Text, Word, read

TAP = "v1:intake:remove:"  # id of a row that removes the field named behind it
TYPED = READABLE - {Kind.DOCUMENT}  # kinds whose words ask for something; a CV only tells
_REACH = 2  # words before the verb in which a negation turns it round
_BARE = 3  # words: "Telefonnummer löschen bitte" needs no "my"
_FILLERS = 4  # words between "not" and the value: "not live in Utrecht"
_WRONG_WORDS = 6  # longer complaints without "my" are about something else
# Fields whose values are read beside "not Anna" as well; work is too free a text.
_SHORT = frozenset({Field.NAME, Field.CITY, Field.AVAILABILITY})
_FREE = frozenset({Field.ROLE, "experience"})  # "I want to change my job" is why people come here


class Revision(msgspec.Struct, frozen=True):
    """`field` is a kind or a path of the profile; `values` are stretches of the message that may hold the new value."""

    intent: Intent
    field: str
    quote: str
    values: tuple[str, ...] = ()


def revisions(original: str, language: str, known: Sequence[Fact]) -> list[Revision]:
    """Every removal and change that a message asks for, one per field; removals first."""
    text = read(original)
    found = [*_removals(text, language), *_changes(text, language, known), *_denials(text, language, known)]
    first: dict[str, Revision] = {}
    for one in found:
        first.setdefault(one.field, one)
    return list(first.values())


def noticed_in(messages: Iterable[InboundMessage], language: str, known: Sequence[Fact]) -> list[Noticed]:
    """The revisions of a turn's messages as the policy hears them; a tapped row names its field itself."""
    noticed = []
    for message in messages:
        if message.kind is Kind.CHOICE and message.choice_id.startswith(TAP):
            field = message.choice_id.removeprefix(TAP)
            noticed.append(_noticed(Revision(Intent.REMOVE, field, message.text), message))
        elif message.text and message.kind in TYPED:
            noticed += [_noticed(one, message) for one in revisions(message.text, language, known)]
    return noticed


def _noticed(one: Revision, message: InboundMessage) -> Noticed:
    return Noticed(intent=one.intent, message_id=message.message_id, quote=one.quote, field=one.field)


def fields_named(original: str, language: str) -> list[str]:
    """Fields that a message names, in whichever language, own language first."""
    named = [
        field
        for words in in_order(language)
        for clause in read(original).clauses
        for field, _ in _fields(clause, words)
    ]
    return list(dict.fromkeys(named))


def corrected(said: Said, language: str, zone: ZoneInfo, known: Sequence[Fact]) -> list[Found]:
    """New values in the place of noted ones: "not Anna but Hanna", "change my town to Delft"."""
    old = {fact.field: fact.value for fact in known}
    found = []
    for one in revisions(said.text, language, known):
        for value in one.values:
            part_ = msgspec.structs.replace(said, text=value)
            new = [each for each in answered(part_, one.field, language, zone) if each.value != old.get(each.field)]
            if new:
                found += new
                break
    return found


def _removals(text: Text, language: str) -> Iterator[Revision]:
    for words in knowing("remove", text.whole.folded, language):
        for clause in text.clauses:
            verb = search(words.patterns["remove"], clause.folded)
            if verb is None or negated_before(clause, verb.start(), language, _REACH):
                continue
            whole = clause.quote(0, len(clause.folded))
            if not _about_oneself(clause, verb, words):
                continue
            nouns = [field for field, _ in _fields(clause, words)]
            for field in _listed(clause, nouns, language) or nouns:
                yield Revision(Intent.REMOVE, field, whole)


def _changes(text: Text, language: str, known: Sequence[Fact]) -> Iterator[Revision]:
    """Asked for ("change my town") or complained of ("the town is wrong")."""
    noted = {fact.field for fact in known} | set(Field)
    for words in in_order(language):
        for index, clause in enumerate(text.clauses):
            verb = search(words.patterns["amend"], clause.folded)
            asked = verb is not None and _about_oneself(clause, verb, words)
            asked = asked and verb is not None and not negated_before(clause, verb.start(), language, _REACH)
            wrong = search(words.patterns["wrong"], clause.folded) is not None and (
                len(clause.words) <= _WRONG_WORDS or search(words.patterns["mine"], clause.folded) is not None
            )
            for field, end in _fields(clause, words) if asked or wrong else ():
                if field in noted and ((asked and field not in _FREE) or wrong):
                    following = text.clauses[index + 1] if index + 1 < len(text.clauses) else None
                    whole = clause.quote(0, len(clause.folded))
                    values = _becoming(clause, len(clause.folded) if wrong else end, following, words)
                    yield Revision(Intent.CHANGE, field, whole, values)


def _about_oneself(clause: Clause, verb: re.Match[str], words: Lexicon) -> bool:
    """ "Delete my name", "name löschen"; not a sentence in which both words happen to stand."""
    begins = clause.folded[: verb.start()].count(" ") <= 1
    return begins or len(clause.words) <= _BARE or search(words.patterns["mine"], clause.folded) is not None


def _fields(clause: Clause, words: Lexicon) -> list[tuple[str, int]]:
    """Fields named in a clause with the end of their words; "e-mail address" is no address."""
    named = []
    for field, pattern in words.fields.items():
        named += [(match.start(), match.end(), field) for match in pattern.finditer(clause.folded + " ")]
    named.sort(key=lambda one: one[0] - one[1])
    kept: list[tuple[int, int, str]] = []
    for start, end, field in named:
        if all(end <= s or start >= e for s, e, _ in kept):
            kept.append((start, end, field))
    return list({field: (field, end) for _, end, field in sorted(kept)}.values())


def _listed(clause: Clause, nouns: list[str], language: str) -> list[str]:
    """Single languages and licences that a removal names: "remove Polish", "delete my C licence"."""
    if any(noun not in {Field.LANGUAGES, Field.LICENCES} for noun in nouns):
        return []
    alone = Text(clause.quote(0, len(clause.folded)))
    tongues = [f"{Field.LANGUAGES}.{code}" for _, _, _, code in mentioned(alone)]
    held = [one.field for one in licences.held(alone, language, asked=True)] if Field.LICENCES in nouns else []
    return [*tongues, *held]


def _becoming(clause: Clause, end: int, following: Clause | None, words: Lexicon) -> tuple[str, ...]:
    """What stands behind "to", "is", "should be": after the field's name, or in the next clause."""
    places = [(clause, end), *([(following, 0)] if following is not None else [])]
    found = []
    for place, start in places:
        match = words.patterns["becomes"].search(place.folded[start:] + " ")
        if match and (rest := place.tail(start + match.end())):
            found.append(place.source[rest[0].start : rest[-1].end])
    return tuple(found)


def _denials(text: Text, language: str, known: Sequence[Fact]) -> Iterator[Revision]:
    """A noted value beside "not": "my name is not Anna but Hanna", "Delft, not Utrecht"."""
    for fact in known:
        if part(fact.field):
            continue
        value = _words_of(fact)
        for words in in_order(language):
            for at, clause in enumerate(text.clauses):
                span = _denied(clause, value, words)
                if span is None:
                    continue
                quote = clause.source[clause.words[span[0]].start : clause.words[span[1] - 1].end]
                values = tuple(_instead(text, at, span, words, fact.field, language))
                yield Revision(Intent.CHANGE, fact.field, quote, values)


def _words_of(fact: Fact) -> frozenset[str]:
    said = [value for value in fact.value.values() if isinstance(value, str)]
    return frozenset(word.folded for one in (*said, fact.quote) for word in read(one).words) - everyday_words()


def _is(word: Word, section: str, words: Lexicon) -> bool:
    return search(words.patterns[section], word.folded) is not None


def _denied(clause: Clause, value: frozenset[str], words: Lexicon) -> tuple[int, int] | None:
    """Range of words from "not" to the end of the value; nothing but an alternative may follow."""
    for index, word in enumerate(clause.words):
        if not _is(word, "not", words):
            continue
        start = index + 1
        while (
            start < len(clause.words)
            and clause.words[start].folded not in value
            and start - index <= _FILLERS
            and _is(clause.words[start], "link", words)
        ):
            start += 1
        end = start
        while end < len(clause.words) and clause.words[end].folded in value:
            end += 1
        if end > start and (end == len(clause.words) or _is(clause.words[end], "instead", words)):
            return index, end
    return None


def _instead(text: Text, at: int, span: tuple[int, int], words: Lexicon, field: str, language: str) -> Iterator[str]:
    """Where the right value may stand: behind "but", before "not", in the clause before."""
    clause = text.clauses[at]
    after = list(clause.words[span[1] :])
    if not after and at + 1 < len(text.clauses):
        after = list(text.clauses[at + 1].words)
    if after and _is(after[0], "instead", words) and len(after) > 1:
        yield clause.source[after[1].start : after[-1].end]
        return
    if field not in _SHORT:
        return
    before = clause.words[: span[0]]
    if before:
        yield clause.source[before[0].start : before[-1].end]
    elif at and not says(text.clauses[at - 1], "correcting", language):
        yield text.clauses[at - 1].quote(0, len(text.clauses[at - 1].folded))
