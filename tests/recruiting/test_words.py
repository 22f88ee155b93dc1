"""Folding, quoting, patterns and evidence hold for any text."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recruiting.evidence import folded, occurs
from app.recruiting.interrupts import in_text
from app.recruiting.lexicon import LANGUAGES, lexicon
from app.recruiting.patterns import PatternError, Phrases, captured, search
from app.recruiting.text import fold, read


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=200))
def test_every_word_and_clause_stands_where_it_says(text: str) -> None:
    message = read(text)
    assert [word for clause in message.clauses for word in clause.words] == list(message.words)
    for clause in message.clauses:
        assert clause.quote(0, len(clause.folded)) in text
        at = 0
        for word in clause.words:
            assert fold(text[word.start : word.end]) == word.folded
            assert clause.span(at, at + len(word.folded)) == (word.start, word.end)
            at += len(word.folded) + 1


@pytest.mark.parametrize(
    ("written", "plain"),
    [("Łódź", "lodz"), ("don’t", "dont"), ("Straße", "strasse"), ("أُريدُ", "اريد"), ("مدرسة", "مدرسه"), ("٣", "3"), ("їжак", "іжак"), ("ＡＢＣ", "abc")],
)  # fmt: skip
def test_spellings_of_one_word_are_one(written: str, plain: str) -> None:
    assert fold(written) == fold(plain)


@given(before=st.text(max_size=30), quote=st.text(min_size=1, max_size=30), after=st.text(max_size=30))
def test_a_quote_out_of_a_text_occurs_in_it(before: str, quote: str, after: str) -> None:
    text = f"{before} {quote} {after}"
    assert occurs(quote, text) == bool(folded(quote))


@given(st.text(max_size=60))
def test_evidence_does_not_depend_on_normal_form_or_white_space(text: str) -> None:
    message = f"I said: {text}."
    for form in ("NFC", "NFD", "NFKC"):
        quote = unicodedata.normalize(form, text).replace(" ", "\n \t")
        assert occurs(quote, message) == bool(folded(quote))


@pytest.mark.parametrize("quote", ["", "  ", "utrecht", "Utrecht!", "I live in  Amsterdam"])
def test_words_that_were_not_said_are_no_evidence(quote: str) -> None:
    assert not occurs(quote, "I live in Utrecht")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^stop$", "stop", True), ("^stop$", "non stop", False), ("stop messag~ me", "please stop messaging me", True),
        ("talk * human|person", "talk to a real person", True), ("talk * human", "talk to the one and only human", False),
        ("^[please] stop$", "stop", True), ("am # years", "i am 16 years", True), ("am # years", "i am sixteen years", False),
        ("sto", "stop", False), ("nu-mi scrie~", "nu-mi scrieți", True),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, matches: bool) -> None:
    (clause,) = read(text).clauses
    assert (search(Phrases([pattern]), clause.folded) is not None) == matches


def test_captures_point_at_the_words() -> None:
    (clause,) = read("My NAME is Anna Smith").clauses
    match = search(Phrases(["x y %", "my name is %"]), clause.folded)
    assert match is not None
    span = captured(match, "rest")
    assert span is not None
    assert clause.quote(*span) == "Anna Smith"


@pytest.mark.parametrize("pattern", ["a b|c-d", "what?", "(x)"])
def test_a_pattern_that_cannot_match_words_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Phrases([pattern])


def test_no_patterns_match_nothing() -> None:
    assert search(Phrases([]), "anything") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_lexicons_load(language: str) -> None:
    assert lexicon(language).common


@given(text=st.text(max_size=120), language=st.sampled_from(LANGUAGES))
def test_any_text_is_heard_without_error_and_quotes_are_its_own(text: str, language: str) -> None:
    for _, quote in in_text(text, language):
        assert quote in text
