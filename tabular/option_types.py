"""Whether the values of a generator's options are of the types that its constructor is annotated with.

Options come from settings files and from the ``config.json`` of runs, where ``"10"`` may stand for 10.
"""

from __future__ import annotations

import inspect
import math
import numbers
import sys
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from .plain_json import TEXT, FieldError, Kind, list_of, one_of

__all__ = ["check_values"]

def _is_number(value: Any, kind: Any, below: float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and bool(abs(value) < below)


_WHOLE = Kind("a whole number", lambda v: _is_number(v, numbers.Integral, 2**63))
#: NaN is refused by the constructors, which tell what range they want.
_REAL = Kind(
    "a finite number", lambda v: _is_number(v, numbers.Real, 1e300) or (isinstance(v, float) and math.isnan(v))
)
_POSITIVE = Kind("a whole number above 0", lambda v: _WHOLE.holds(v) and v > 0)
_KINDS = {
    "int": _WHOLE,
    "float": _REAL,
    "bool": Kind("true or false", lambda v: isinstance(v, bool)),
    "str": TEXT,
    "None": Kind("null", lambda v: v is None),
    "Sequence[int]": list_of(_POSITIVE, 1),
}


def check_values(generator: type, options: Mapping[str, Any]) -> None:
    """Check options by the annotations of ``generator.__init__``; names that it does not have are let through.

    Raises:
        FieldError: naming the option, its value and what it must be.
    """
    parameters = inspect.signature(generator).parameters
    for name, value in options.items():
        annotation = parameters[name].annotation if name in parameters else None
        # Postponed annotations are text, such as "float | None".
        kinds = [_kind(part, generator) for part in annotation.split(" | ")] if isinstance(annotation, str) else []
        known = [kind for kind in kinds if kind is not None]
        if len(known) < len(kinds) or not known or any(kind.holds(value) for kind in known):
            continue
        told = known[0] if len(known) == 1 else Kind(" or ".join(kind.words for kind in known), lambda v: False,
                                                      known[0].item)  # fmt: skip
        raise FieldError(f"the option {name!r} is {told.wrong(value)}")


def _kind(part: str, generator: type) -> Kind | None:
    if part in _KINDS:
        return _KINDS[part]
    named = vars(sys.modules[generator.__module__]).get(part)
    return one_of(*get_args(named)) if get_origin(named) is Literal else None
