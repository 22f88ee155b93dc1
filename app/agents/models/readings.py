"""What the extraction's model answers with, and how its answer becomes facts.

Vendors compile the schema: plain types, nothing optional but by null, few unions, no bounds. What nobody asks for
comes in one part that is null in most turns; in it "" and 0 mean "not said".
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.agents.state import Json
from app.recruiting.profile import LEVELS, Fact
from app.recruiting.profile import Field as ProfileField
from app.recruiting.said import Found, Said, as_fact
from app.recruiting.volunteered import ANY_COUNTRY, slug

LicenceType = Literal[
    "B", "BE", "C", "CE", "D", "forklift", "VCA", "A", "AM", "C1", "C1E", "D1", "DE", "T", "ADR", "code95", "none"
]
ContractKind = Literal["permanent", "temporary", "freelance", "part_time", "full_time", "internship"]
_DATE = "YYYY, YYYY-MM or YYYY-MM-DD, as much as is said; empty if not said"


class Words(BaseModel):
    """Where a fact stands."""

    model_config = ConfigDict(extra="forbid")

    message: int = Field(description="Number of the message")
    quote: str = Field(description="Words of that message from which the value follows, copied exactly")


class ReadName(Words):
    """The candidate's own name."""

    display: str = Field(description="The name as the person writes it")


class ReadRole(Words):
    """The work the candidate looks for."""

    title: str = Field(description="The work in the person's own words")
    open: bool = Field(description="Any work will do")


class ReadCity(Words):
    """The town the candidate lives in."""

    city: str = Field(description="The town as the person writes it")


class ReadAvailability(Words):
    """The first day the candidate can work."""

    day: str = Field(description="YYYY-MM-DD, counted from the day on which the message was sent")
    immediate: bool = Field(description="The person says at once, now, immediately")
    precision: Literal["day", "week", "month"]


class ReadLanguage(Words):
    """A language the candidate speaks."""

    code: str = Field(description="ISO 639-1 code")
    level: Literal["A1", "A2", "B1", "B2", "C1", "C2", "native"] | None = Field(
        description="Only when the person names a CEFR level or says it is their native language"
    )


class ReadLicence(Words):
    """A driving licence or certificate the candidate holds; `none` when they say they hold none."""

    type: LicenceType


class ReadPhone(Words):
    """The candidate's own phone number."""

    e164: str = Field(description="With + and country code, no blanks")


class ReadEmail(Words):
    """The candidate's own e-mail address."""

    address: str


class ReadSalary(Words):
    """Pay that the candidate wishes for. Never what they earn or earned."""

    min: float = Field(description="0 if not said")
    max: float = Field(description="0 if not said")
    currency: str = Field(description="ISO 4217; empty if not said")
    period: Literal["hour", "day", "week", "month", "year", ""]
    gross_net: Literal["gross", "net", ""]


class ReadRightToWork(Words):
    """Whether the candidate may work in a country. Never a nationality."""

    country: str = Field(description="ISO 3166-1 alpha-2, or EU; empty if none is named")
    status: Literal["yes", "no", "needs_permit", "unsure"]


class ReadTravel(Words):
    """How the candidate gets to work; one fact per item."""

    what: Literal["own_transport", "no_own_transport", "max_minutes", "car", "bike", "public_transport", "moped"]
    minutes: int = Field(description="Of max_minutes; else 0")


class ReadNotice(Words):
    """Notice that the candidate must give."""

    duration: str = Field(description="ISO 8601: P2W, P1M, P0D")


class ReadHours(Words):
    """Hours a week that the candidate wishes for."""

    min: float = Field(description="0 if not said")
    max: float = Field(description="0 if not said")


class ReadShift(Words):
    """A kind of shift that the candidate can or cannot work."""

    kind: Literal["early", "day", "late", "night", "weekend", "rotating", "on_call"]
    possible: bool


class ReadContract(Words):
    """A kind of contract that the candidate wishes for."""

    kind: ContractKind


class ReadWorkMode(Words):
    """Where the candidate wishes to work."""

    mode: Literal["onsite", "hybrid", "remote"]


class ReadExperience(Words):
    """A job that the candidate has or had."""

    title: str
    employer: str = Field(description="Empty if not said")
    start: str = Field(description=_DATE)
    end: str = Field(description=_DATE)
    current: bool = Field(description="The person says that they still work there")


class ReadSkill(Words):
    """Something that the candidate can do at work."""

    skill: str = Field(description="In the person's own words")


class ReadEducation(Words):
    """A course of study or training."""

    title: str
    level: int = Field(description="European Qualifications Framework 1 to 8; 0 unless a degree is named")
    year: int = Field(description="Year of the end; 0 if not said")


class ReadCertificate(Words):
    """A certificate that is no licence."""

    name: str
    valid_until: str = Field(description=_DATE)


class ReadReferences(Words):
    """Whether former employers can be asked."""

    available: bool


class ReadTold(BaseModel):
    """What the candidate tells without being asked; empty lists for what is not said."""

    model_config = ConfigDict(extra="forbid")

    phone: list[ReadPhone]
    email: list[ReadEmail]
    salary_expectation: list[ReadSalary]
    right_to_work: list[ReadRightToWork]
    travel: list[ReadTravel]
    notice_period: list[ReadNotice]
    hours: list[ReadHours]
    shifts: list[ReadShift]
    contracts: list[ReadContract]
    work_mode: list[ReadWorkMode]
    experience: list[ReadExperience]
    skills: list[ReadSkill]
    education: list[ReadEducation]
    certificates: list[ReadCertificate]
    references: list[ReadReferences]


class ReadFacts(BaseModel):
    """Everything the candidate says about themselves."""

    model_config = ConfigDict(extra="forbid")

    name: ReadName | None
    role: ReadRole | None
    city: ReadCity | None
    availability: ReadAvailability | None
    languages: list[ReadLanguage]
    licences: list[ReadLicence]
    told: ReadTold | None = Field(default=None, description="Null if the messages say nothing of it")
    vague: list[Literal["name", "role", "city", "availability", "languages", "licences"]] = Field(
        description="Fields that were answered, but too vaguely to write down a value"
    )


def read_facts(read: ReadFacts, messages: Sequence[Said]) -> list[Fact]:
    """The model's word as facts; what names a message that does not exist is left out."""
    found = [*_asked(read), *(_told(read.told) if read.told else ())]
    return [as_fact(one, messages[n - 1]) for n, one in found if 1 <= n <= len(messages)]


_Numbered = tuple[int, Found]


def _asked(read: ReadFacts) -> Iterator[_Numbered]:
    if one := read.name:
        yield _found(ProfileField.NAME, one, {"display": one.display})
    if role := read.role:
        yield _found(ProfileField.ROLE, role, {"title": role.title} | ({"open": True} if role.open else {}))
    if city := read.city:
        yield _found(ProfileField.CITY, city, {"city": city.city})
    if available := read.availability:
        value: Json = {"from": available.day} | ({"immediate": True} if available.immediate else {})
        value |= {"precision": available.precision} if available.precision != "day" else {}
        yield _found(ProfileField.AVAILABILITY, available, value)
    for tongue in read.languages:
        code = tongue.code.lower()
        yield _found(f"{ProfileField.LANGUAGES}.{code}", tongue, {"language": code})
        if tongue.level:
            yield _found(f"{LEVELS}.{code}", tongue, {"level": tongue.level})
    for licence in read.licences:
        yield _found(f"{ProfileField.LICENCES}.{licence.type}", licence, {"type": licence.type})


def _told(read: ReadTold) -> Iterator[_Numbered]:
    for phone in read.phone:
        yield _found("phone", phone, {"e164": phone.e164})
    for email in read.email:
        yield _found("email", email, {"address": email.address})
    for pay in read.salary_expectation:
        yield _found("salary_expectation", pay, _said(pay))
    for permit in read.right_to_work:
        country = permit.country.upper()
        value: Json = {"status": permit.status} | ({"country": country} if country else {})
        yield _found(f"right_to_work.{country or ANY_COUNTRY}", permit, value)
    for travel in read.travel:
        yield _travel(travel)
    for notice in read.notice_period:
        yield _found("notice_period", notice, {"duration": notice.duration})
    for hours in read.hours:
        yield _found("hours", hours, _said(hours))
    for shift in read.shifts:
        yield _found(
            f"shifts.{shift.kind}", shift, {"kind": shift.kind} | ({} if shift.possible else {"possible": False})
        )
    for contract in read.contracts:
        yield _found(f"contract_preference.{contract.kind}", contract, {"kind": contract.kind})
    for mode in read.work_mode:
        yield _found("work_mode", mode, {"mode": mode.mode})
    for references in read.references:
        yield _found("references_available", references, {"available": references.available})
    yield from _life(read)


def _life(read: ReadTold) -> Iterator[_Numbered]:
    """What a CV is about."""
    for job in read.experience:
        value = {"title_raw": job.title.strip(), "employer": job.employer.strip()} | _said(job, "title", "employer")
        value = {name: given for name, given in value.items() if given}
        yield _found(f"experience.{slug(job.title, job.employer)}", job, value)
    for skill in read.skills:
        yield _found(f"skills.{slug(skill.skill)}", skill, {"raw": skill.skill.strip()})
    for school in read.education:
        value = {"title_raw": school.title.strip()} | _said(school, "title")
        yield _found(f"education.{slug(school.title)}", school, value)
    for paper in read.certificates:
        yield _found(f"certificates.{slug(paper.name)}", paper, {"name": paper.name.strip()} | _said(paper, "name"))


def _travel(travel: ReadTravel) -> _Numbered:
    match travel.what:
        case "own_transport" | "no_own_transport" as what:
            return _found("travel.own_transport", travel, {"own_transport": what == "own_transport"})
        case "max_minutes":
            return _found("travel.max_minutes", travel, {"max_minutes": travel.minutes})
        case mode:
            return _found(f"travel.{mode}", travel, {"mode": mode})


def _said(words: Words, *others: str) -> Json:
    """The values that are said: without the place, the `others`, and what is empty, 0 or false."""
    return {name: value for name, value in words.model_dump(exclude={"message", "quote", *others}).items() if value}


def _found(field: str, words: Words, value: Json) -> _Numbered:
    return words.message, Found(field=field, value=value, quote=words.quote)
