"""Open vacancies in the order in which a person would look at them for a candidate. Sorts, explains, excludes none."""

from collections.abc import Iterable, Sequence

import msgspec

from app.recruiting.intake import Intake
from app.recruiting.knockouts import Finding, Verdict, findings
from app.recruiting.must_haves import settled
from app.recruiting.profile import Fact, Field
from app.recruiting.text import fold, read
from app.recruiting.vacancy import Vacancy

_LEAST_LETTERS = 4  # shorter words ("und", "new") say nothing about the work
_STEM = 5  # letters that two forms of a word share: "driver" and "drivers", "magazyn" and "magazynier"


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A vacancy and why it stands where it stands. `shared`: words of the wanted work that are the vacancy's too."""

    vacancy: Vacancy
    findings: list[Finding]
    shared: list[str]
    same_city: bool

    @property
    def not_met(self) -> list[Finding]:
        """Must-haves that the facts contradict."""
        return [finding for finding in self.findings if finding.verdict is Verdict.NOT_MET]


def suggestions(vacancies: Iterable[Vacancy], facts: Sequence[Fact], intake: Intake | None = None) -> list[Suggestion]:
    """All of them: fewest must-haves not met, then most shared words, then the same town, then by code.

    `intake`: what the candidate was asked, where that is known.
    """
    wanted = _words(str(fact.value.get("title", "")) for fact in facts if fact.field == Field.ROLE)
    towns = {fold(str(fact.value.get("city", ""))) for fact in facts if fact.field == Field.CITY}
    made = [
        Suggestion(
            vacancy=vacancy,
            findings=findings(vacancy, facts) if intake is None else settled(vacancy, facts, intake),
            shared=_shared(wanted, vacancy),
            same_city=fold(vacancy.city) in towns,
        )
        for vacancy in vacancies
    ]
    return sorted(made, key=lambda one: (len(one.not_met), -len(one.shared), not one.same_city, one.vacancy.code))


def _words(texts: Iterable[str]) -> list[str]:
    found = (word.folded for text in texts for word in read(text).words)
    return list(dict.fromkeys(word for word in found if len(word) >= _LEAST_LETTERS))


def _shared(wanted: Sequence[str], vacancy: Vacancy) -> list[str]:
    titles = [vacancy.title] if isinstance(vacancy.title, str) else vacancy.title.values()
    own = _words([*vacancy.roles, *titles])
    return [word for word in wanted if any(_same(word, other) for other in own)]


def _same(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= _STEM and one[:_STEM] == other[:_STEM])
