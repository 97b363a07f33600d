"""Words of a country for surrogates, drawn from the package Faker: names of persons, of their streets and towns."""

from __future__ import annotations

import difflib
import re
import unicodedata
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import UsageError

__all__ = ["LISTS", "check_locale", "faker_words", "note_of_locale"]

#: List of a form -> what Faker calls its words. Most streets that Faker makes up are named after families.
LISTS = {"given": "first_name", "family": "last_name", "street": "last_name", "town": "city"}
#: Words that are drawn of a list, and those that are kept of them at most.
DRAWS, MOST = 4_000, 1_000
#: Letters that have more than an accent to lose; German ones are written out.
_ASCII = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def check_locale(locale: str) -> None:
    """Raise :class:`UsageError` if Faker is not installed, or has no ``locale`` (such as ``de_DE``)."""
    try:
        from faker.config import AVAILABLE_LOCALES
    except ImportError:
        raise UsageError("Names of Faker need the package faker: pip install faker.") from None
    if locale in AVAILABLE_LOCALES:
        return
    requested = locale.strip().lower().replace("-", "_")
    written = {known.lower(): known for known in sorted(AVAILABLE_LOCALES)}
    language = [known for known in written if requested[:2].isalpha() and known[:2] == requested[:2]]
    near = (
        [requested]
        if requested in written
        else difflib.get_close_matches(requested, language or written, n=5, cutoff=0.5)
    )
    meant = ", ".join([written[known] for known in near] or ["en_US", "de_DE"])
    raise UsageError(f"Faker has no locale {locale!r}; did you mean {meant}?")


def note_of_locale(locale: str) -> str | None:
    """A sentence where Faker has a locale for other things than names; ``None`` where the names are its own."""
    names = _generator(locale).provider("faker.providers.person").__lang__
    if names.partition("_")[0] == locale.partition("_")[0]:
        return None
    return f"Faker has no names of {locale}, and takes those of {names} in their place."


@lru_cache(maxsize=64)
def faker_words(locale: str, name: str, *, ascii_only: bool = False) -> tuple[str, ...]:
    """Distinct words of letters alone for the list ``name`` (see :data:`LISTS`), in alphabetical order.

    They are the same whatever the table, for one release of Faker.

    Args:
        ascii_only: for addresses of e-mail: without accents, and without words that need other letters.

    Raises:
        UsageError: as :func:`check_locale`, before anything of that name is imported.
    """
    check_locale(locale)
    make = getattr(_generator(locale), LISTS[name])
    found = set()
    for text in {make() for _ in range(DRAWS)}:
        parts = re.split(r"[\s-]+", unicodedata.normalize("NFC", text))
        if name == "town" or len(parts) == 1:  # the longest part of a town is no New, Bad or Saint
            word = max(parts, key=len)
            found.add(_plain(word, locale) if ascii_only else word)
    words = sorted(word for word in found if _is_word(word) and (not ascii_only or word.isascii()))
    even = np.linspace(0, len(words) - 1, min(len(words), MOST)).astype(int)
    return tuple(words[position] for position in even)


def _generator(locale: str) -> Any:
    from faker import Factory

    providers = ["faker.providers.person", "faker.providers.address"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of locales that have another name by now
        generator = Factory.create(locale, providers=providers, use_weighting=False)
    generator.seed_instance(0)
    return generator


def _is_word(text: str) -> bool:
    """Whether ``text`` is of letters alone, and of the marks that belong to them in Indian scripts."""
    return bool(text) and text[0].isalpha() and all(unicodedata.category(char)[0] in "LM" for char in text)


def _plain(word: str, locale: str) -> str:
    if locale.startswith("de"):
        word = word.translate(_GERMAN)
    decomposed = unicodedata.normalize("NFKD", word.translate(_ASCII))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
