"""The quick look at a clause's words never hides what a search of the patterns would find."""

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.recruiting.lexicon import FOLDER, LANGUAGES, in_order, knowing, lexicon
from app.recruiting.patterns import Phrases, expression, search
from app.recruiting.text import fold

LONG = ["x" * length for length in (22, 23, 24, 25)] + ["x" * 24 + "y"]
WORDS = st.sampled_from(["a", "ab", "b", "7", *LONG[:1]]) | st.sampled_from(LONG)
STEMS = st.builds(lambda word, ending: word + ending, WORDS, st.sampled_from(["", "~"]))
CHOICES = st.lists(STEMS | st.just("#"), min_size=1, max_size=3).map("|".join)
TOKENS = CHOICES | CHOICES.map(lambda choice: f"[{choice}]" if "#" not in choice else choice) | st.just("*")
BODIES = st.lists(TOKENS, min_size=1, max_size=2).map(" ".join)
PATTERNS = st.builds(
    lambda begins, body, rest, ends: f"{begins}{body}{rest}{ends}",
    st.sampled_from(["", "^"]), BODIES, st.sampled_from(["", " %"]), st.sampled_from(["", "$"]),
)  # fmt: skip


@settings(max_examples=600)
@given(patterns=st.lists(PATTERNS, max_size=3), words=st.lists(WORDS, min_size=1, max_size=6))
def test_phrases_find_what_their_expressions_find(patterns: list[str], words: list[str]) -> None:
    folded = " ".join(words)
    found = [re.search(re.sub(r"\?P<\w+>", "?:", expression(pattern)), f"{folded} ") for pattern in patterns]
    match = search(Phrases(patterns), folded)
    assert (match is not None) == any(found)
    if match is not None:
        assert match.start() == min(each.start() for each in found if each)


def test_a_text_of_very_many_words_is_searched_whole() -> None:
    assert search(Phrases(["needle"]), " ".join(["hay"] * 500 + ["needle"]))


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    """Words of all lexicons, so that texts of them match something now and then."""
    texts = [(FOLDER / f"{code}.toml").read_text(encoding="utf-8") for code in LANGUAGES]
    quoted = [pattern for text in texts for pattern in _strings(tomllib.loads(text))]
    return sorted({fold(word) for pattern in quoted for word in re.findall(r"\w+", pattern)} - {""})


def _strings(data: object) -> list[str]:
    if isinstance(data, dict):
        return [one for value in data.values() for one in _strings(value)]
    if isinstance(data, list):
        return [one for value in data for one in _strings(value)]
    return [data] if isinstance(data, str) else []


@settings(deadline=None)  # the first example loads all lexicons
@given(data=st.data(), language=st.sampled_from(LANGUAGES))
def test_no_language_is_left_out_that_has_words_for_it(
    vocabulary: list[str], data: st.DataObject, language: str
) -> None:
    folded = " ".join(data.draw(st.lists(st.sampled_from(vocabulary), min_size=1, max_size=6)))
    for section in lexicon(language).patterns:
        every = [words.code for words in in_order(language) if search(words.patterns[section], folded)]
        asked = [words.code for words in knowing(section, folded, language) if search(words.patterns[section], folded)]
        assert asked == every
