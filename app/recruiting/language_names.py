"""Names of languages, and of countries, in the eight languages of the intake, from Babel's CLDR tables."""

import difflib
import functools
import re
from collections.abc import Iterator

from babel import Locale

from app.recruiting.lexicon import LANGUAGES
from app.recruiting.text import Clause, Text, fold

# Languages of Europe's workplaces and their newcomers. Not all of ISO 639: names such as "Even" or "Ido" are words.
SPOKEN = (
    "am", "ar", "az", "be", "bg", "bn", "bs", "ca", "ckb", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr",
    "ga", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "ko", "ku", "lt", "lv", "mk", "mt", "nl", "no",
    "pa", "pl", "ps", "pt", "ro", "ru", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "th", "ti", "tr", "uk", "ur",
    "uz", "vi", "zh",
)  # fmt: skip
# What people say that CLDR does not list, folded.
_ALSO = {
    "farsi": "fa", "dari": "fa", "mandarin": "zh", "kurmanji": "ku", "sorani": "ckb", "flemish": "nl", "vlaams": "nl",
    "hollands": "nl", "holenderski~": "nl", "olandeza": "nl", "neerlandes": "nl", "castellano": "es",
    "moldoveneasca": "ro",
    "голландськ~": "nl", "нідерландськ~": "nl", "هولندي": "nl", "هولنديه": "nl", "الهولنديه": "nl", "الهولندي": "nl",
    "انكليزي": "en", "وانكليزي": "en", "انكليزيه": "en", "الانكليزيه": "en", "والانكليزيه": "en", "الانكليزي": "en",
    "inglish": "en", "englisch~": "en", "deutsch~": "de", "niederlandisch~": "nl", "hollandisch~": "nl",
}  # fmt: skip
# Inflected names: Polish "po niemiecku", Ukrainian "англійською", German "Deutschkenntnisse", Arabic with article.
_ENDINGS = {"pl": ("i", r"(?:[iu]|iego|im)?"), "uk": ("а", r"[^ ]{1,3}")}


def _spellings(name: str, locale: str) -> str:
    folded = " ".join(fold(part) for part in name.split())
    if locale == "ar":
        stem = folded.removeprefix("ال").removesuffix("ه")
        return rf"(?:[وبلف]{{0,2}}(?:ال)?|لل){re.escape(stem)}ه?"
    if locale in _ENDINGS:
        last, endings = _ENDINGS[locale]
        if folded.endswith(last) and len(folded) > 5:
            return re.escape(folded.removesuffix(last)) + endings
    if locale == "de" and folded.endswith("isch"):
        return re.escape(folded) + "[^ ]*"
    return re.escape(folded)


@functools.cache
def _finder() -> tuple[re.Pattern[str], dict[str, str]]:
    """One expression for all names in all languages, and the ISO code of each group."""
    groups: dict[str, set[str]] = {code: set() for code in SPOKEN}
    for locale in LANGUAGES:
        names = Locale(locale).languages
        for code in SPOKEN:
            if name := names.get(code):
                groups[code].add(_spellings(name, locale))
    for spelling, code in _ALSO.items():
        groups[code].add(re.escape(fold(spelling.rstrip("~"))) + ("[^ ]*" if spelling.endswith("~") else ""))
    parts = [
        f"(?P<l{index}>{'|'.join(sorted(names, key=len, reverse=True))})"
        for index, names in enumerate(groups.values())
        if names
    ]
    return re.compile(rf"(?<![^ ])(?:{'|'.join(parts)})(?![^ ])"), {f"l{i}": code for i, code in enumerate(groups)}


def mentioned(text: Text) -> Iterator[tuple[Clause, int, int, str]]:
    """Languages named in the text: clause, range in its folded form, ISO code."""
    pattern, codes = _finder()
    for clause in text.clauses:
        for match in pattern.finditer(clause.folded):
            if match.lastgroup:
                yield clause, match.start(), match.end(), codes[match.lastgroup]


_FUZZY_LETTERS = 5  # shorter words are near too many names
_NEAR = 0.8  # difflib's ratio: one wrong letter in five


@functools.cache
def _plain_names() -> dict[str, str]:
    """Folded one-word names and their codes."""
    return {
        fold(name): code
        for locale in LANGUAGES
        for code, name in Locale(locale).languages.items()
        if code in SPOKEN and " " not in name and len(fold(name)) >= _FUZZY_LETTERS
    }


def misspelt(word: str) -> str:
    """Code of the language whose name the folded word nearly is, or empty. Only for words that stand as one."""
    near = difflib.get_close_matches(word, _plain_names(), n=1, cutoff=_NEAR) if len(word) >= _FUZZY_LETTERS else []
    return _plain_names()[near[0]] if near else ""


def display(code: str, language: str) -> str:
    """Name of a spoken language for a reader of `language`; the code itself when CLDR has none."""
    name = str(Locale(language).languages.get(code, code))
    return name[:1].upper() + name[1:] if language in {"en", "de", "nl"} else name


def country(code: str, language: str) -> str:
    """Name of a country (ISO 3166) for a reader of `language`."""
    return str(Locale(language).territories.get(code, code))
