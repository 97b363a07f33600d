"""Patterns of surrogates: values of the same form as those that name persons, none of them real."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ..codes.checksums import find_check
from ..codes.forms import WordLists
from ..codes.patterns import find_pattern, loose_digits, loose_pattern, some_of, without_real
from ..codes.sequences import find_counting
from ..columns.facts import ColumnFacts
from ..columns.keys import identifier_pattern, number_texts
from ..columns.names import words_of
from .realistic import doubled, realistic_pattern
from .shapes import address_form, email_form, handle_form, ip_form, name_form, phone_form

__all__ = ["surrogate_pattern"]

#: Distinct values whose shapes are examined.
SAMPLE = 5_000
#: What a form is widened with where it makes hardly any others than the real ones.
WIDER = ("[0-9]{4}", "[0-9]{9}")
_IDS = "device or user id"
_GIVEN = {
    "first",
    "firstname",
    "fname",
    "given",
    "givenname",
    "forename",
    "middle",
    "vorname",
    "prenom",
    "prenoms",
    "nombres",
    "nombre",
    "voornaam",
    "fornavn",
    "fornamn",
    "etunimi",
    "imie",
}
_FAMILY = {
    "last",
    "lastname",
    "lname",
    "surname",
    "family",
    "maiden",
    "nachname",
    "familienname",
    "zuname",
    "apellido",
    "apellidos",
    "cognome",
    "sobrenome",
    "nazwisko",
    "achternaam",
    "etternavn",
    "efternavn",
    "efternamn",
    "sukunimi",
    "geburtsname",
}


def surrogate_pattern(facts: ColumnFacts, sort: str, *, locale: str | None = None) -> tuple[str, WordLists]:
    """The pattern by which values of the sort ``sort`` (see :func:`.finding.find_personal`) are made up, and its words.

    Args:
        locale: of the package Faker, whose names, streets and towns are taken where the values have such words.

    Raises:
        UsageError: if Faker is not installed or has no such locale.
    """
    whole = facts.type == "integer" or (facts.type == "float" and not np.any(facts.numbers % 1))
    if facts.type == "float" and not whole:
        return "number:100000000..999999999", ()
    if whole:
        plain = number_texts(facts)
        checked = sort != _IDS and find_check(plain.to_numpy(dtype=str)) is not None
        form = find_pattern(plain) if checked else None
        return (form and without_real(form, plain.to_numpy(dtype=object), facts.name)) or identifier_pattern(facts), ()
    real = facts.texts.to_numpy(dtype=object)
    ladder = _ladder(facts, sort)
    if locale is not None:
        mail = sort in ("e-mail", _IDS)
        if (likely := realistic_pattern(ladder, real, facts.name, locale=locale, ascii_only=mail)) is not None:
            return likely
    for pattern in ladder:
        if (found := without_real(pattern, real, facts.name)) is not None:
            return found, ()
    return "form:" + WIDER[-1] * 2, ()  # longer than any text of a small form


def _ladder(facts: ColumnFacts, sort: str) -> list[str]:
    """Patterns to try, the likest first."""
    texts = facts.texts
    if sort == _IDS and (counting := find_counting(facts.distinct, shuffled=True)) is not None:
        return [counting]
    sample = [str(text) for text in some_of(texts, SAMPLE)]
    if sort == "e-mail":
        return _widened(email_form(sample), before="@")
    if sort == "person name":
        form = name_form(sample, only=_part_of_name(facts.name, sample))
        made_up = _forms(_from_list(_from_list(form, "given", "madeup"), "family", "madeup"))
        return [*_forms(form), *made_up, *map(doubled, made_up)]
    if sort == "street address":
        form = address_form(sample)
        return [*_forms(form), *_widened(_from_list(form, "street", "family"))]
    if sort == "IP address":
        form = ip_form(sample)
        return [*_forms(form), "form:10.{octet}.{octet}.{host}", "form:{public}.{octet}.{octet}.{host}"]
    if sort == "phone":
        return _widened(phone_form(sample))
    regular = find_pattern(texts, prose=True)
    if regular is not None:
        body = regular.partition(":")[2] if ":" in regular else None
        return [
            regular,
            *loose_digits(regular),
            *(_widened(body)[1:] if body else []),
            *_widened(loose_pattern(texts).partition(":")[2]),
        ]
    handles = handle_form(sample) if sort == _IDS and _are_words(texts) else None
    return [*_widened(handles), *_widened(loose_pattern(texts).partition(":")[2])]


def _forms(form: str | None) -> list[str]:
    return [] if form is None else [f"form:{form}"]


def _widened(form: str | None, before: str | None = None) -> list[str]:
    """``form``, and the same with more digits at the end of each alternative, or before the last ``before``."""
    if form is None:
        return []
    found = [f"form:{form}"]
    for digits in WIDER:
        parts = re.split(r"(?<!\\)\|(?![^\[]*\])", form)
        if before is None:
            found.append("form:" + "|".join(part + digits for part in parts))
        else:
            found.append(
                "form:"
                + "|".join(
                    digits.join([part[: (at := part.rfind(before))], part[at:]]) if before in part else part + digits
                    for part in parts
                )
            )
    return found


def _from_list(form: str | None, old: str, new: str) -> str | None:
    """``form`` with words of the list ``new`` where those of ``old`` were, in whatever case."""
    for change in (str.lower, str.capitalize, str.upper):
        form = form and form.replace(f"{{{change(old)}}}", f"{{{change(new)}}}")
    return form


def _part_of_name(name: str, sample: list[str]) -> str | None:
    words = set(words_of(name))
    if words & _GIVEN:
        return "given"
    if words & _FAMILY:
        return "family"
    alone = np.mean([len(re.findall(r"[^\W\d_]+", text)) <= 1 for text in sample])
    return "given" if alone > 0.9 else None


def _are_words(texts: pd.Series) -> bool:
    """Whether most texts hold a run of three letters, as names of users do."""
    return bool(texts.iloc[:SAMPLE].str.contains(r"[^\W\d_]{3}").mean() > 0.5)
