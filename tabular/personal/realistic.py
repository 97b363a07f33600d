"""Surrogates whose words are of a country (:mod:`.faker_words`), none of them a real value of the column."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np

from ..codes.forms import WordLists, alternatives_of, regex_of
from ..codes.identifiers import pattern_room
from ..codes.patterns import without_real
from .faker_words import LISTS, faker_words
from .shapes import STREET_ENDINGS

__all__ = ["doubled", "realistic_pattern"]

#: A list of fewer words than this would make the same few names again and again.
LEAST = 10
#: Fraction of the words that no real text holds which is kept: who knows Faker's list must not read from what is
#: lacking which words are in the column.
KEPT = 0.7
_LIST = re.compile(r"(?<!\\)\{([A-Za-z]+)\}")
#: The same where it is not one of two already.
_SINGLE = re.compile(r"(?<![\\-])\{([A-Za-z]+)\}(?!-)")
_WEIGHT = re.compile(r"(?:(\d{1,6})\*)?(.*)", re.DOTALL)


def realistic_pattern(
    patterns: Iterable[str], real: np.ndarray, name: str, *, locale: str, ascii_only: bool = False
) -> tuple[str, WordLists] | None:
    """The first of ``patterns`` that can be made of Faker's words, and these words; ``None`` if none can.

    Args:
        patterns: the likest first; those without a list of words that Faker has are passed over. Where all others
            fail, names of two words (``Meyer-Koch``) are tried.
        real: object[n], the distinct texts of the column, which the new ones must not be.
        name: of the column.
        locale: of Faker, such as ``"de_DE"``.
        ascii_only: whether the words are written in plain ASCII, as in addresses of e-mail.

    Raises:
        UsageError: if Faker is not installed or has no such locale.
    """
    patterns = [pattern for pattern in patterns if pattern.startswith("form:")]
    known: set[str] | None = None
    for pattern in dict.fromkeys([*patterns, *map(doubled, patterns)]):
        lists = [_lists_in(part) & LISTS.keys() for part in alternatives_of(pattern)]
        words = {each: faker_words(locale, each, ascii_only=ascii_only) for each in sorted(set().union(*lists))}
        if len(lists) > 1 and "family" in words:  # "Louis Martin" and "Martin Louis" of two alternatives stay distinct
            words["given"] = tuple(sorted(set(words.get("given", ())) - set(words["family"])))
        words = {each: found for each, found in words.items() if len(found) >= LEAST}
        lists = [names & words.keys() for names in lists]
        if not words or pattern_room(pattern, _joined(words)) < 2 * len(real):
            continue
        # Faker's lists as they are tell nothing of the table.
        fits = regex_of(pattern.removeprefix("form:")).fullmatch
        alike = np.array([text for text in real if fits(text)], dtype=object)
        if (found := without_real(pattern, alike, name, _joined(words), rows=len(real))) is not None:
            return found, _joined(words)
        if all(lists):
            known = _words_in(real) if known is None else known
            words |= _apart(words, lists, known, real)
            if min(map(len, words.values())) >= LEAST and pattern_room(pattern, _joined(words)) >= 2 * len(real):
                return pattern, _joined(words)
    return None


def _joined(words: dict[str, tuple[str, ...]]) -> WordLists:
    return tuple((each, " ".join(found)) for each, found in words.items())


def _apart(
    words: dict[str, tuple[str, ...]], lists: list[set[str]], known: set[str], real: np.ndarray
) -> dict[str, tuple[str, ...]]:
    """One list of each alternative with words that no real text holds: none of the new texts is real then.

    Which of these words are kept is drawn by the real texts themselves, so that nobody else can draw it again.
    """
    secret = hashlib.sha256("\n".join(sorted(map(str, real.tolist()))).encode("utf-8", "replace")).digest()
    rng = np.random.default_rng(list(secret))
    free = {each: [word for word in found if not _is_among(word, known)] for each, found in words.items()}
    chosen = {max(sorted(names), key=lambda each: len(free[each])) for names in lists}
    return {
        each: tuple(word for word, kept in zip(free[each], rng.random(len(free[each])) < KEPT, strict=True) if kept)
        for each in sorted(chosen)
    }


def _words_in(real: np.ndarray) -> set[str]:
    """The runs of letters in texts, in small letters; of names of streets also without their endings."""
    text = "\n".join(map(str, real.tolist()))
    runs = {*_runs(unicodedata.normalize("NFC", text)), *_runs(text)}
    return runs | {run[: found.start()] for run in runs if (found := STREET_ENDINGS.search(run)) is not None}


def _is_among(word: str, known: set[str]) -> bool:
    return all(run in known for run in _runs(word))


def _runs(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())


def _lists_in(alternative: str) -> set[str]:
    return {name.lower() for name in _LIST.findall(alternative)}


def doubled(pattern: str) -> str:
    """``pattern`` with two names joined (``Meyer-Koch``) in place of each family name, or of others without one."""
    counted: Counter[str] = Counter()
    for part in alternatives_of(pattern.removeprefix("form:")):
        weight, form = _WEIGHT.fullmatch(part).groups()  # type: ignore[union-attr]
        names = _lists_in(form)
        which = next((name for name in ("family", "given", "madeup") if name in names), "")
        counted[_join_two(form, which)] += int(weight or 1)
    return "form:" + "|".join(f"{weight}*{form}" if len(counted) > 1 else form for form, weight in counted.items())


def _join_two(form: str, which: str) -> str:
    return _SINGLE.sub(lambda found: "-".join([found[0]] * (1 + (found[1].lower() == which))), form)
