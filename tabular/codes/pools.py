"""Lists of words that made-up names and addresses are drawn from; none comes from a table."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from .given_names import GIVEN_NAMES

if TYPE_CHECKING:
    from .forms import WordLists

__all__ = ["words_of_list"]

_STEMS = """alder ash bar beck birch black bram bran bren brook burn cald carl chad clay cole cran cress dal dane dray
    dun east el fal farn fen fern gar glen gold gran green hal ham hart haw hazel heath hol ing kel ken kirk lang lark
    lin lock mal mar mead mel mill mor nor oak old pem pen quen rad ran rav red rock row ruth sel sher stan stone sut
    thorn tor wal war west wil win wolf yar""".split()  # noqa: SIM905
_ENDS = """bourne bridge brook burn bury by combe cote croft dale den field ford gate ham hurst land ley low man mere
    more ridge shaw stead stock ton well wick wood worth""".split()  # noqa: SIM905
_STREETS = """acacia bridge castle cedar chapel church elm forest garden grove harbour hill juniper lake laurel linden
    maple market meadow mill oak orchard park pine poplar rose school spring station sunset valley violet walnut water
    willow winter""".split()  # noqa: SIM905
_SYLLABLES = """ba be bi bo da de di do fa fe fi ga ge jo ka ke ko la le li lo ma me mi mo na ne ni no pa pe ra re ri ro
    sa se si so ta te ti to va ve vi za zo""".split()  # noqa: SIM905
_LAST = """el en ia ik in is la na ne nor ra ro ry ta tin va""".split()  # noqa: SIM905
_LISTS = {
    "given": lambda: sorted(GIVEN_NAMES),
    "family": lambda: [a + b for a, b in product(_STEMS, _ENDS) if a[-1] != b[0]],
    "word": lambda: [a + b for a, b in product(_SYLLABLES, _SYLLABLES)],
    "madeup": lambda: [a + b + c for a, b, c in product(_SYLLABLES, _SYLLABLES, _LAST)],
    "street": lambda: _STREETS,
    "octet": lambda: [str(n) for n in range(256)],
    "host": lambda: [str(n) for n in range(1, 255)],
    "public": lambda: [str(n) for n in range(11, 224) if n not in (100, 127, 169, 172, 192, 198, 203)],
    "town": lambda: [a + b for a, b in product(_STEMS, ["bridge", "bury", "field", "ford", "ham", "ton", "wick"])],
}


@lru_cache(maxsize=64)
def words_of_list(name: str, given: WordLists = ()) -> np.ndarray:
    """The words of the list ``name``: small letters, or with a capital or in capitals as ``name`` is written.

    Args:
        given: lists that stand in for those of the same name here; their capitals stay (``McDonald``).

    Raises:
        ValueError: if there is no such list.
    """
    own = dict(given).get(name.lower())
    if own is not None:
        cased = own.upper() if name.isupper() else own if name[0].isupper() else own.lower()
        return np.array(list(dict.fromkeys(cased.split())))
    if name.lower() not in _LISTS:
        raise ValueError(f"there is no list {name!r}; there are {', '.join(_LISTS)}")
    words = _LISTS[name.lower()]()
    if name.isupper():
        words = [word.upper() for word in words]
    elif name[0].isupper():
        words = [word.capitalize() for word in words]
    return np.array(words)
