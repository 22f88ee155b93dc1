"""The variables of what candidates are told about the company; a part of `app/settings_variables.py`."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opening_hours import OpeningHours, UnknownCountryError, validate  # type: ignore[attr-defined]  # not in its stubs
from pydantic import AfterValidator, BaseModel, Field

from app.settings_values import Group, HttpUrl, Var


def _about(purpose: str) -> Any:
    return Field(description=purpose)


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone, such as Europe/Amsterdam") from None
    return value


def _hours(value: str) -> str:
    if not validate(value):
        raise ValueError("is not opening hours, such as Mo-Fr 09:00-17:00; Sa 10:00-14:00")
    return value


def _country(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        OpeningHours("PH off", country=value.upper())
    except UnknownCountryError:
        raise ValueError("is not a country's two letters, such as NL") from None
    return value.upper()


class CompanyVariables(BaseModel):
    """Defaults that are true of most offices; a candidate is never promised more than they say."""

    # What candidates are told
    company_name: Annotated[
        str, _about("Who the candidate is talking to, in the greeting and the consent text."), Var(Group.COMPANY)
    ] = "our recruitment team"
    alternative_contact: Annotated[
        str | None,
        _about("Web address or phone number to apply without WhatsApp; said to whoever refuses the chat."),
        Var(Group.COMPANY, form="https://… or +31 …", source="your website"),
    ] = None
    privacy_url: Annotated[
        HttpUrl | None,
        _about("Privacy notice, linked before consent is asked."),
        Var(Group.COMPANY, form="https://…", source="your website"),
    ] = None
    company_timezone: Annotated[
        str,
        AfterValidator(_time_zone),
        _about("Time zone of the office: dates that candidates name, and the hours below."),
        Var(Group.COMPANY, form="Area/City"),
    ] = "Europe/Amsterdam"
    company_country: Annotated[
        str | None,
        AfterValidator(_country),
        _about("Country of the office, for its public holidays (`PH` in the hours below); unset, there are none."),
        Var(Group.COMPANY, form="two letters, such as NL"),
    ] = None
    business_hours: Annotated[
        str,
        AfterValidator(_hours),
        _about("When recruiters answer, as OpenStreetMap writes opening hours; a handoff names the time by them."),
        Var(Group.COMPANY, form="Mo-Fr 09:00-17:00; Sa 10:00-14:00; PH off"),
    ] = "Mo-Fr 09:00-17:00; PH off"
    answer_hours: Annotated[
        float,
        Field(gt=0, le=100),
        _about("Within how many of those hours a candidate who asked for a person gets an answer."),
        Var(Group.COMPANY, form="a number of hours"),
    ] = 8
    interview_reminder_template: Annotated[
        str | None,
        _about(
            "Approved template that reminds of an interview outside the 24-hour window; unset: recruiters are told."
        ),
        Var(
            Group.COMPANY,
            form="its name; {{1}} the work, {{2}} when, {{3}} where, or fewer",
            source="360Dialog, templates, category utility",
        ),
    ] = None
