"""Which vacancy a candidate comes for: a code in a prefilled text, or the ad or link they tapped. Never a guess."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from app.recruiting.messages import InboundMessage
from app.recruiting.vacancy import Vacancy

CODE = re.compile(r"[A-Z]{2,8}-[0-9]{1,6}")
# "#WH-102" or "[WH-102]", as the texts of wa.me links have it; "WH-102" alone may be anything.
_MARKED = re.compile(r"(?:(?<![\w#])#|\[\s?#?)([A-Za-z]{2,8}-[0-9]{1,6})(?![\w-])")
_IN_LINK = re.compile(r"(?:[?&#/]|vacancy=|code=)([A-Za-z]{2,8}-[0-9]{1,6})(?=$|[&#/?])")


def codes_in(messages: Sequence[InboundMessage]) -> list[str]:
    """Codes that the messages carry, the last one first: whoever names another vacancy means that one now."""
    found = []
    for message in messages:
        found += _IN_LINK.findall(message.referral)
        found += _MARKED.findall(message.text)
    return list(dict.fromkeys(code.upper() for code in reversed(found)))


def referrals_in(messages: Sequence[InboundMessage]) -> list[str]:
    """Ids or addresses of the ads that the messages came from, the last one first."""
    return list(dict.fromkeys(message.referral for message in reversed(messages) if message.referral))


def advertised(vacancies: Sequence[Vacancy], referral: str) -> Vacancy | None:
    """The vacancy whose ad or link this is; None where two claim it."""
    target = _bare(referral)
    claims = [
        vacancy
        for vacancy in vacancies
        if referral in vacancy.ads or any(_bare(link) == target for link in vacancy.links)
    ]
    return claims[0] if len(claims) == 1 else None


def _bare(link: str) -> str:
    """An address without scheme, query (ads add their own marks) and last slash."""
    parts = urlsplit(link)
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}" if parts.netloc else link
