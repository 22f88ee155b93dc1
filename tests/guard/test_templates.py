"""What the product itself says passes its own guard, word for word, without any exemption."""

import datetime as dt
from collections.abc import Iterator

import pytest

from app.recruiting import language_names, office_hours
from app.recruiting.guard import GuardContext, Rule, check
from app.recruiting.languages import build_detector
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Reply
from app.recruiting.phrases import Company, Phrasebook, phrases

WHEN = dt.datetime(2026, 12, 1, 11, tzinfo=dt.UTC)
COMPANY = Company("Werkpunt", "https://werkpunt.example/privacy", "https://werkpunt.example/apply")


def sentences(code: str) -> Iterator[tuple[str, str]]:
    """Every sentence with plausible values in its placeholders."""
    words, book = phrases(code), Phrasebook(COMPANY)
    items = "\n".join(
        [
            f"{words.labels['name']}: Anna Jansen",
            f"{words.labels['city']}: Utrecht",
            f"{words.labels['licences']}: B, CE",
        ]
    )
    labels = f"{words.labels['name']}, {words.labels['city']}"
    # What an employer writes is not ours; the pitches of the examples are tried in tests/models/test_outbound.py.
    vacancy = dict.fromkeys(("title", "task", "place", "pay", "interview", "zone"), "Utrecht")
    for key in words.texts:
        spoken, when = language_names.display("de", code), office_hours.spoken(WHEN, code)
        params = {"items": items, "name": "Anna Jansen", "language": spoken, "when": when, "labels": labels}
        params |= {"item": words.rows["CE"][1], "answer": "Utrecht"}
        yield key, book.text(code, key, **params, **vacancy)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_of_ours_passes(code: str) -> None:
    context = GuardContext(
        language=code,
        detect=build_detector().guess,
        links=[COMPANY.privacy_url, COMPANY.alternative],
        names=[COMPANY.name, "Anna Jansen", "Utrecht"],
    )
    blocked = {key: found for key, text in sentences(code) if (found := check(Reply(text=text), context))}
    assert not blocked


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_title_and_row_of_ours_passes(code: str) -> None:
    context = GuardContext(language=code, detect=build_detector().guess)
    words = phrases(code)
    titles = [*words.titles.values(), *(text for row in words.rows.values() for text in row)]
    blocked = {t: v for t in titles if (v := [x for x in check(Reply(text=t), context) if x.rule is not Rule.LANGUAGE])}
    assert not blocked
