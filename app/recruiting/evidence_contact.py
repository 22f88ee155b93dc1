"""Whether phone numbers, e-mail addresses and sums of money follow from the words they rest on."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import phonenumbers

from app.recruiting.amounts import Amount, find_amounts, western_digits
from app.recruiting.evidence_support import Support, number_follows
from app.recruiting.text import fold

_MAIL = re.compile(r"[^\s@<>(),;:\"']+@[^\s@<>(),;:\"']+\.\w{2,}")
_NATIONAL_DIGITS = 7  # fewer digits are no phone number


def email_follows(address: str, quote: str) -> Support:
    """The address stands in the quote; spelt out ("anna at example dot com") it stays undecided."""
    written = {match.rstrip(".").casefold() for match in _MAIL.findall(quote)}
    if address.casefold() in written:
        return Support.FOLLOWS
    name = fold(address.partition("@")[0])
    return Support.UNDECIDED if not written and name and name in fold(quote) else Support.CONTRADICTS


def phone_follows(e164: str, quote: str, region: str = "") -> Support:
    """The number as Google's metadata reads it. Without a country in quote or region only digits can be compared."""
    text = western_digits(quote)
    try:
        wanted = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return Support.CONTRADICTS
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(text, region or None)]
    if any(number.country_code == wanted.country_code and _same_national(number, wanted) for number in found):
        return Support.FOLLOWS
    digits = re.sub(r"\D", "", text)
    if not digits:
        return Support.UNDECIDED  # spoken: "zero six, twelve …"
    national = phonenumbers.national_significant_number(wanted)
    same = len(digits) >= _NATIONAL_DIGITS and digits.lstrip("0").endswith(national)
    return Support.UNDECIDED if same and not found else Support.CONTRADICTS


def _same_national(one: phonenumbers.PhoneNumber, other: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.national_significant_number(one) == phonenumbers.national_significant_number(other)


def pay_follows(wanted: Mapping[str, Any], quote: str, language: str) -> Support:
    """`{min, max, currency, period}` (product §1b): each end, currency and period that is given must be said."""
    ends = [Decimal(str(wanted[end])) for end in ("min", "max") if wanted.get(end) is not None]
    sums = find_amounts(quote)
    if not ends:
        return Support.CONTRADICTS
    if not sums:
        parts = [number_follows(end, quote, language) for end in ends]
        return Support.CONTRADICTS if Support.CONTRADICTS in parts else Support.UNDECIDED
    if any(end not in {amount.value for amount in sums} for end in ends):
        return Support.CONTRADICTS
    said = [amount for amount in sums if amount.value in ends]
    parts = [_said_of(said, name, str(wanted.get(name) or "")) for name in ("currency", "period")]
    if Support.CONTRADICTS in parts:
        return Support.CONTRADICTS
    return Support.UNDECIDED if Support.UNDECIDED in parts else Support.FOLLOWS


def _said_of(amounts: list[Amount], name: str, wanted: str) -> Support:
    """A currency or period: unsaid ones are an assumption, others a contradiction."""
    given = {str(getattr(amount, name)) for amount in amounts} - {""}
    if not wanted or wanted in given:
        return Support.FOLLOWS
    return Support.CONTRADICTS if given else Support.UNDECIDED
