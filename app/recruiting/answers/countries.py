"""Names of countries in our languages: to keep origins out of names and towns."""

import functools

from babel import Locale

from app.recruiting.lexicon import LANGUAGES
from app.recruiting.text import fold

STEM = 5  # letters; shorter stems would hide names and towns
_ALSO_TOWNS = frozenset({"LU", "MC", "SG", "SM", "DJ", "GI", "GD"})  # GD: "Granada" in Spanish and Arabic


def _named() -> list[tuple[str, str]]:
    return [
        (territory, name)
        for code in LANGUAGES
        for territory, name in Locale(code).territories.items()
        if len(territory) == 2
    ]


@functools.cache
def country_names() -> frozenset[str]:
    """Folded names and ISO codes of countries that are not towns as well."""
    named = frozenset(
        " ".join(fold(part) for part in name.split()) for code, name in _named() if code not in _ALSO_TOWNS
    )
    return named | {fold(code) for code, _ in _named()}


@functools.cache
def country_stems() -> frozenset[str]:
    """How countries begin, also inflected or as nationality: "Syrian", "z Ukrainy"."""
    return frozenset(folded[:STEM] for _, name in _named() if len(folded := fold(name.split()[0])) >= STEM)
