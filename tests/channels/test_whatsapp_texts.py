"""A recruiter may write more than one message of WhatsApp's holds."""

from hypothesis import given
from hypothesis import strategies as st

from app.channels.whatsapp import parts_of


@given(st.text(alphabet="ab \n", max_size=80), st.integers(4, 20))
def test_parts_fit_and_nothing_is_lost(text: str, most: int) -> None:
    parts = parts_of(text, most)
    assert all(0 < len(part) <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_it_is_cut_between_paragraphs_before_words() -> None:
    assert parts_of("one two\n\nthree four", 14) == ["one two", "three four"]
    assert parts_of("one two three four", 14) == ["one two three", "four"]
    assert parts_of("x" * 30, 14) == ["x" * 14, "x" * 14, "xx"]
