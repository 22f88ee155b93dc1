"""What is bold for one is bold for the other, and what was no markup stays letter for letter on both sides."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.channels.markup import to_chatwoot, to_markdown, to_whatsapp

# As Chatwoot's page renders (shared/helpers/MessageFormatter.js), but for links, which this renderer does not find.
_RENDERER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_PIECES = [*"*_~`[]()<>{}#+-=|&;!\\\n ab1:/\"'", "**", "__", "~~", "```", "    ", "\t", "&lt;", " https://a.nl/x_y "]
texts = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)


def visible(text: str) -> str:
    return re.sub(r"[\s\u00a0\u200b]+", " ", text).strip()


@given(texts)
def test_what_is_shown_letter_for_letter_is_rendered_so_and_comes_back_the_same(text: str) -> None:
    rendered = _RENDERER.render(to_chatwoot(text))
    assert set(re.findall(r"</?([a-z0-9]+)", rendered)) <= {"p", "br"}
    assert visible(html.unescape(re.sub(r"<[^>]*>", "", rendered))).replace(" ", "") == visible(text).replace(" ", "")
    assert visible(to_whatsapp(to_chatwoot(text))) == visible(text)


@given(texts)
def test_no_word_is_lost_either_way(text: str) -> None:
    words = re.sub(r"[\W_]", "", text)
    assert re.sub(r"[\W_]", "", to_markdown(text)) == words
    assert re.sub(r"[\W_]", "", to_whatsapp(text)) == words
    assert "{{" not in to_markdown(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("*b* _i_ ~s~ `c`", "<strong>b</strong> <em>i</em> <s>s</s> <code>c</code>"),
        ("*_both_*, (*x*)!", "<strong><em>both</em></strong>, (<strong>x</strong>)!"),
        ("*a* *b*", "<strong>a</strong> <strong>b</strong>"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("* no list\n*no\nend*", "* no list<br />\n*no<br />\nend*"),
        ("```x*y*```", "<code>x*y*</code>"),
        ("*_~*_~x~_*~_*", "<strong><em><s>*_~x~_*</s></em></strong>"),
    ],
)
def test_whatsapps_marks_become_chatwoots(written: str, shown: str) -> None:
    assert _RENDERER.render(to_markdown(written)).strip() == f"<p>{shown}</p>"


def test_links_and_addresses_keep_their_underscores() -> None:
    """A backslash in a link becomes part of it."""
    text = "https://www.linkedin.com/in/anna_b_c/?x=_1 anna_b@example.nl"
    assert to_markdown(text) == to_chatwoot(text) == text


@pytest.mark.parametrize(
    ("markdown", "whatsapp"),
    [
        ("**Name**: *x* ~~y~~", "*Name*: _x_ ~y~"),
        ("***both***", "_*both*_"),
        ("**a *b***, *a **b***", "*a _b_*, _a *b*_"),
        ("***a* b** **c *d* e**", "*_a_ b* *c _d_ e*"),
        ("**a * b** 5*3*2", "*a * b* 5*3*2"),
        ("**two\\\nlines** end", "*two*\n*lines* end"),
        ("**two\n\nparagraphs**", "**two\n\nparagraphs**"),
        (r"\*typed\* 2 \* 3 \* 4 \_x\_", "*typed* 2 * 3 * 4 _x_"),
        ("* item\n* item", "* item\n* item"),
        ("`**code**`", "`**code**`"),
        ("<https://a.nl/x_y> [https://a.nl](https://a.nl)", "https://a.nl/x_y https://a.nl"),
        ("[the **site**](https://a.nl/_b_) [a@b.nl](mailto:a@b.nl)", "the *site* (https://a.nl/_b_) a@b.nl"),
    ],
)
def test_the_editors_markdown_becomes_whatsapps(markdown: str, whatsapp: str) -> None:
    assert to_whatsapp(markdown) == whatsapp
