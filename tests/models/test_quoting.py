"""Whatever a candidate writes stays inside its quotation."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.agents.models.extraction import merged
from app.agents.models.quoting import as_data
from app.agents.models.readings import ReadFacts, read_facts
from app.agents.models.wording import Allowed, Piece, broken_rules
from app.recruiting.languages import build_detector
from app.recruiting.profile import Fact
from app.recruiting.said import Said

TEXTS = st.text(max_size=200)  # without surrogates, as messages are
FIELDS = st.sampled_from(["name", "role", "city", "availability", "languages.nl", "licences.B", "licences.none"])


@given(TEXTS | st.sampled_from(["</messages>", "]]>", '"}]', "<messages>", "&lt;/messages&gt;"]))
def test_no_text_closes_the_tag_it_stands_in_and_none_is_lost(text: str) -> None:
    quoted = as_data([{"text": text}])
    assert "<" not in quoted
    assert ">" not in quoted
    assert orjson.loads(quoted)[0]["text"] == text


@settings(deadline=None)  # the first one loads the language models
@given(TEXTS)
def test_no_wording_breaks_the_rules_checker(text: str) -> None:
    piece = Piece(number=1, key="ask_city", text="In which town do you live?", free=True, asks=True)
    allowed = Allowed(language="en", heard="", approved=[], detector=build_detector())
    assert isinstance(broken_rules(piece, text, allowed), list)


@given(st.integers(-3, 5), TEXTS)
def test_facts_of_messages_that_do_not_exist_are_left_out(number: int, quote: str) -> None:
    read = ReadFacts.model_validate(
        {
            "name": {"message": number, "quote": quote, "display": quote},
            "role": None,
            "city": None,
            "availability": None,
            "languages": [],
            "licences": [],
            "vague": [],
        }
    )
    messages = [Said(message_id="a", text="one", at=0.0), Said(message_id="b", text="two", at=1.0)]
    facts = read_facts(read, messages)
    assert len(facts) == (1 if number in {1, 2} else 0)


@given(st.lists(FIELDS, unique=True), st.lists(FIELDS, unique=True))
def test_merging_keeps_one_fact_per_field_and_never_none_beside_a_licence(rules: list[str], model: list[str]) -> None:
    def facts(fields: list[str], who: str) -> list[Fact]:
        return [Fact(field=field, value={"who": who}, quote="x", message_id="m", confidence=0.95) for field in fields]

    found = [fact.field for fact in merged(facts(rules, "rules"), facts(model, "model"))]
    assert len(found) == len(set(found))
    assert set(found) <= {*rules, *model}
    assert not {"licences.none", "licences.B"} <= set(found)
