"""Vacancy files: what may play no part in a decision is refused where it stands, with what to do about it."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.vacancy import approved_facts, pay_text
from app.recruiting.vacancy_codes import advertised, codes_in
from app.recruiting.vacancy_file import check_file, check_text
from tests.fixtures.stack import Stack

EXAMPLES = Path(__file__).parents[2] / "examples" / "vacancies.toml"
TEXT = EXAMPLES.read_text(encoding="utf-8")
FORKLIFT = 'justification = "Driving a forklift without a certificate is not allowed on this site (Arbowet art. 8)."'
LEVEL = 'field = "language_levels.en"\nop = "gte"\nvalue = "A2"'
CERTIFICATE = 'field = "licences"\nop = "contains_any"\nvalue = ["forklift"]'
NO_PART = "may play no part"
# (what is written instead of what, line of the fault found by this text, what the fault says)
FAULTS = [
    ('code = "WH-102"', 'code = "wh 102"', "write a code like WH-102"),
    ('code = "TR-207"', 'code = "WH-102"', "stands here twice"),
    ('country = "NL"', 'country = "Nederland"', "ISO 3166"),
    ('currency = "EUR"', 'currency = "Euro"', "ISO 4217"),
    ('period = "hour"', 'period = "fortnight"', "hour, day, week"),
    ("max = 16.20", "max = 12", "0 < min <= max"),
    ('links = ["https://jobs.example.com/wh-102"]', 'links = ["http://jobs.example.com"]', "no https:// address"),
    (FORKLIFT, 'justification = ""', "say why the work cannot be done without it"),
    (FORKLIFT, "", "say why"),
    (FORKLIFT, FORKLIFT + '\non_fail = "reject"', 'only "human_review" may follow'),
    (FORKLIFT, FORKLIFT + '\non_unknown = "reject"', 'only "ask_once_then_human" may follow'),
    ("fast_lane = 80", "fast_lane = 101", "from 1 to 100; needs criteria"),
    ("weight = 20", "weight = 30", "sum to 110; they have to sum to 100"),
    (LEVEL, 'field = "age"\nop = "gte"\nvalue = 18', NO_PART),
    (LEVEL, 'field = "gaps"\nop = "eq"\nvalue = 0', NO_PART),
    (CERTIFICATE, 'field = "city"\nop = "eq"\nvalue = "Utrecht"', NO_PART),
    (CERTIFICATE, 'field = "postcode"\nop = "eq"\nvalue = "3542"', NO_PART),
    (CERTIFICATE, 'field = "name.display"\nop = "eq"\nvalue = "A"', NO_PART),
    (CERTIFICATE, 'field = "licence"\nop = "contains_any"\nvalue = ["B"]', "no field 'licence'"),
    ('op = "contains_any"\nvalue = ["forklift"]', 'op = "has"\nvalue = ["forklift"]', "'has' is none of"),
    ('op = "contains_any"\nvalue = ["forklift"]', 'op = "contains_any"\nvalue = "forklift"', "needs a list"),
    ('op = "gte"\nvalue = "A2"', 'op = "gte"\nvalue = "native"', 'nobody is asked to be "native"'),
    ('op = "gte"\nvalue = "A2"', 'op = "gte"\nvalue = "fluent"', "a level from A1 to C2"),
    ('op = "date_before"\nvalue = 2027-01-31', 'op = "date_before"\nvalue = "soon"', "needs a day"),
    ("You pick and pack", "A young team picks and packs", "“young” touches age"),
    ("Je verzamelt", "Jong persoon verzamelt", "“Jong” touches age"),
    ("Kompletujesz", "Młody zespół kompletuje", "touches age"),
    ("early or late shift", "for native speakers of English", "“native” touches origin"),
    ("Travel costs are paid", "No gaps in your CV; travel is paid", "touches gap"),
    ("Follows short instructions", "Native speaker", "touches origin"),
    ("Safety instructions and the scanner are in English.", "We want women only in this team.", "touches gender"),
    ('{ level = 4, value = "B1", text = "Discusses the work with colleagues" },', "", "an anchor each to 0 and 4"),
    ("weight = 20", 'weight = "much"', "expected `int`, got `str`"),
    ('site = "Distribution centre Lage Weide"', 'floor = 3', "there is no 'floor' here"),
    ('{ en = "Warehouse operator"', '{ fr = "Magasinier"', "fr is not among the vacancy's languages"),
    ("You pick and pack orders", "You pick and pack orders " * 12, "300 at most"),
    ('city = "Utrecht"\n', "", "'city' is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[each[2][:30] for each in FAULTS])
def test_a_fault_is_told_with_its_place_and_its_cure(old: str, new: str, message: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    checked = check_text(text, "jobs.toml")
    assert checked.vacancies == []
    (fault, *_) = [each for each in checked.faults if message in each] or [str(checked.faults)]
    assert message in fault
    assert fault.startswith("jobs.toml, line ")
    line = int(fault.removeprefix("jobs.toml, line ").partition(",")[0])
    changed = text[: TEXT.index(old)].count("\n") + 1
    # A fault of a list or table is told at its beginning.
    assert changed - 30 <= line <= changed + 30


@pytest.mark.parametrize(
    ("line", "named"),
    [("must_haves", "must_haves[2].on_fail"), ("criteria", "criteria[3].op")],
)
def test_the_line_is_that_of_the_field(line: str, named: str) -> None:
    new = 'on_fail = "reject"' if line == "must_haves" else 'op = "has"'
    old = 'justification = "Safety instructions' if line == "must_haves" else 'op = "date_before"'
    text = TEXT.replace(old, new + ("\n" + old if line == "must_haves" else ""), 1)
    (fault,) = [each for each in check_text(text, "jobs.toml").faults if named in each]
    number = int(fault.removeprefix("jobs.toml, line ").partition(",")[0])
    assert text.splitlines()[number - 1] == new


def test_coded_words_warn_and_do_not_refuse() -> None:
    checked = check_text(TEXT.replace("You pick", "As a competitive salesman you pick", 1), "jobs.toml")
    assert len(checked.vacancies) == 3
    assert [("competitive" in each, "masculine-coded" in each) for each in checked.warnings][:1] == [(True, True)]


@pytest.mark.parametrize("text", ["", "vacancies = 3", "[[vacancies]", "x = 1", "[[vacancies]]\n"])
def test_what_is_no_vacancy_file_is_told_in_one_line(text: str) -> None:
    (fault,) = check_text(text, "jobs.toml").faults
    assert fault.startswith("jobs.toml")
    assert "\n" not in fault


def test_ads_links_and_codes_lead_to_one_vacancy_or_none() -> None:
    vacancies = check_file(EXAMPLES).vacancies
    found = advertised(vacancies, "https://jobs.example.com/wh-102/?utm_source=fb")
    assert found is not None
    assert found.code == "WH-102"
    assert advertised(vacancies, "https://jobs.example.com/other") is None
    twice = [*vacancies, msgspec.structs.replace(vacancies[0], code="WH-103")]
    assert advertised(twice, "120210000000001") is None

    def said(text: str, referral: str = "") -> InboundMessage:
        return InboundMessage(message_id="m", sent_at=0, kind=Kind.TEXT, text=text, referral=referral)

    assert codes_in([said("Hi #wh-102"), said("or rather [TR-207]?")]) == ["TR-207", "WH-102"]
    assert codes_in([said("my IBAN is NL-12, call WH-102 or a#b-1")]) == []
    assert codes_in([said("hello", "https://jobs.example.com/apply?vacancy=CL-031&x=1")]) == ["CL-031"]


def test_what_candidates_are_told_is_in_their_language_or_english() -> None:
    warehouse, truck, _ = check_file(EXAMPLES).vacancies
    assert "Je verzamelt" in approved_facts(warehouse, "nl")[0]
    assert "You pick" in approved_facts(warehouse, "uk")[0]
    assert pay_text(truck, "de") == "2.750 € - 3.150 € pro Monat"
    assert all("16" in pay_text(warehouse, language) for language in ("en", "nl", "de", "pl", "es", "ro", "uk", "ar"))


async def test_the_command_loads_lists_and_closes(desk: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUPABASE_URL", "SUPABASE_KEY", "CHATWOOT_BASE_URL", "CHATWOOT_API_TOKEN", "CHATWOOT_ACCOUNT_ID"):
        monkeypatch.setenv(name, desk.environ[name])
    file = tmp_path / "jobs.toml"
    text = TEXT
    for code in ("WH-102", "TR-207", "CL-031"):
        text = text.replace(code, f"CLI-{code[-3:]}")
    file.write_text(text, encoding="utf-8")

    async def run(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, cli, ["vacancies", *words])
        return result.exit_code, result.output

    assert await run("check", str(file)) == (0, "3 vacancies, nothing wrong: CLI-102, CLI-207, CLI-031\n")
    loaded, labels = (await run("load", str(file)))[1].splitlines()
    assert loaded == "loaded CLI-031, CLI-102, CLI-207"
    assert labels.startswith("labels: 0 of 3 exist; makes vacancy-cli-102, ")
    again = ["3 vacancies, nothing changed", "labels: 3 of 3 exist"]
    assert (await run("load", str(file)))[1].splitlines() == again
    assert await run("close", "cli-102") == (0, "CLI-102 is closed\n")
    assert (await run("load", str(file)))[1].splitlines() == again  # and does not open it again
    listed = (await run("list"))[1].splitlines()
    assert any(line.split()[:3] == ["CLI-102", "closed", "0"] for line in listed)
    for words, message in (
        (("close", "XX-9"), "there is no XX-9"),
        (("check", str(tmp_path / "none")), "cannot be read"),
    ):
        failed, said = await run(*words)
        assert (failed, message in said) == (1, True)
    file.write_text(text.replace("forklift certificate", "young man", 1).replace(FORKLIFT, ""), encoding="utf-8")
    failed, said = await run("load", str(file))
    assert (failed, "say why" in said) == (1, True)
    for each in ("CLI-207", "CLI-031"):  # other tests look at what is open
        await run("close", each)
