"""Links, phone numbers and e-mail addresses in a text of ours that nobody approved."""

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import phonenumbers

from app.recruiting.amounts import western_digits

_DATA = Path(__file__).with_name("guard_data") / "links.toml"
_MAIL = re.compile(r"(?<![\w.+-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}\s?:\s?//|(?:tel|mailto|sms):|//|www\.)[^\s<>\"'“”«»]+", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![\w@.-])(?P<host>(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?P<tld>[^\W\d_]{2,24}|xn--[\w-]+))(?![\w-])(?P<rest>(?:[:/?#][^\s<>\"'“”«»]*)?)"
)
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])(?P<rest>[:/][^\s]*)?")
_TRAILING = ".,;:!?)]}»”’'\"،؛؟*_~"
_DIGITS = re.compile(r"(?<![\w+])\+?\d[\d\s().\-/]{6,18}\d(?!\w)")
_PHONE_DIGITS = 9  # at least; a date has eight


class Contact(msgspec.Struct, frozen=True):
    """`kind` is link, email or phone; `value` is comparable: a URL, a lower-case address, digits."""

    kind: str
    value: str
    start: int
    end: int


@functools.cache
def _domains() -> frozenset[str]:
    data: dict[str, Any] = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return frozenset(data["generic"]) | {region.lower() for region in phonenumbers.SUPPORTED_REGIONS}


def contacts(text: str, regions: Iterable[str] = ()) -> list[Contact]:
    """Every link, address and number; `regions` (ISO 3166) complete national phone numbers."""
    links = list(_urls(text))
    mails = list(_mails(_blotted(text, links)))
    bare = list(_bare_links(_blotted(text, [*links, *mails])))
    return [*links, *mails, *bare, *_phones(_blotted(text, [*links, *mails, *bare]), regions)]


def _blotted(text: str, found: Iterable[Contact]) -> str:
    for one in found:
        text = text[: one.start] + " " * (one.end - one.start) + text[one.end :]
    return text


def _mails(text: str) -> Iterator[Contact]:
    for match in _MAIL.finditer(text):
        yield Contact("email", match.group().casefold(), match.start(), match.end())


def _urls(text: str) -> Iterator[Contact]:
    for match in _URL.finditer(text):
        value = match.group().rstrip(_TRAILING)
        yield Contact("link", value, match.start(), match.start() + len(value))


def _bare_links(text: str) -> Iterator[Contact]:
    for match in (*_BARE.finditer(text), *_IP.finditer(text)):
        if match.re is _IP or _is_domain(match):
            value = match.group().rstrip(_TRAILING)
            yield Contact("link", value, match.start(), match.start() + len(value))


def _is_domain(match: re.Match[str]) -> bool:
    """`z.B`, `e.g` and a missing blank after a full stop ("ready.Then") are no domains."""
    tld, host = match["tld"], match["host"]
    if tld.lower() not in _domains() and not tld.startswith("xn--"):
        return False
    return bool(match["rest"]) or (len(host.partition(".")[0]) > 1 and (tld.islower() or tld.isupper()))


def _phones(text: str, regions: Iterable[str]) -> Iterator[Contact]:
    plain = western_digits(text)
    seen: list[tuple[int, int]] = []
    for region in (None, *regions):
        for found in phonenumbers.PhoneNumberMatcher(plain, region):
            if all(found.start >= end or found.end <= start for start, end in seen):
                seen.append((found.start, found.end))
                e164 = phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
                yield Contact("phone", e164.lstrip("+"), found.start, found.end)
    for match in _DIGITS.finditer(plain):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) >= _PHONE_DIGITS and all(match.start() >= end or match.end() <= start for start, end in seen):
            yield Contact("phone", digits, match.start(), match.end())


def link_allowed(link: str, allowed: Iterable[str]) -> bool:
    """An approved link covers itself and what lies below it: same host, path begins with the approved path.

    A bare approved host ("example.org") covers the whole site. Credentials, other ports and look-alikes are refused.
    """
    wanted = _parts(link)
    return wanted is not None and any(_covers(_parts(one), wanted) for one in allowed)


def _parts(link: str) -> tuple[str, str] | None:
    """Host and path; None when the link hides its host or uses another scheme."""
    address = link if "://" in link else f"https://{link.removeprefix('//')}"
    try:
        split = urlsplit(address)
        port = split.port
    except ValueError:
        return None
    if split.scheme.lower() not in {"http", "https"} or "@" in split.netloc or port not in {None, 80, 443}:
        return None
    host = (split.hostname or "").removeprefix("www.").rstrip(".")
    if not host.isascii():
        return None
    path = split.path.rstrip("/")
    return (host, path) if "/../" not in f"{path}/" else None


def _covers(approved: tuple[str, str] | None, wanted: tuple[str, str]) -> bool:
    if approved is None or approved[0] != wanted[0]:
        return False
    return wanted[1] == approved[1] or wanted[1].startswith(f"{approved[1]}/")


def phone_allowed(digits: str, allowed: Iterable[str]) -> bool:
    """The same number, with or without country code and leading zero."""
    bare = digits.lstrip("0")
    return any(
        (known := re.sub(r"\D", "", one).lstrip("0")) and (known.endswith(bare) or bare.endswith(known))
        for one in allowed
    )
