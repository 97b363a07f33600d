"""What a user asks for: how much privacy may be lost, and what is public anyway."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, SchemaError, UsageError
from ..settings import Setting, SettingsObject

if TYPE_CHECKING:
    from ..schema import Schema

__all__ = ["Privacy", "chosen_delta", "with_private_defaults"]

#: Rows times delta where none is requested.
DELTA_ROWS = 0.1

_RANGES = {
    "epsilon": Setting(None, name="The epsilon of differential privacy", types="float", above=0),
    "delta": Setting(None, name="The delta of differential privacy", types="float | None", above=0, below=1),
    "clip": Setting(1.0, name="The norm that gradients are clipped to", types="float", above=0),
    "schema_share": Setting(0.1, name="The fraction of the columns' distributions", types="float", least=0, below=1),
    "public_schema": Setting(False, name="public_schema", types="bool"),
    "noise_seed": Setting(None, name="The seed of the noise", types="int | None", least=0),
}


@dataclass(frozen=True)
class Privacy(SettingsObject):
    """Differential privacy for a fit; see :mod:`tabular.dp` for what it covers.

    Attributes:
        epsilon: the budget, above 0: the less, the more private.
        delta: the probability that the guarantee fails, below one in the number of rows; a tenth of that if absent.
        clip: norm that each row's gradient is cut down to.
        schema_share: fraction of ``epsilon`` that the columns' own distributions may take if they were all that is
            released; at 0 they are taken for even. Composed with the training they cost far less than that share.
        public_schema: what :func:`tabular.infer_schema` finds in the table (categories, bounds, frequent single
            values) is public, by the user's word; else ``fit`` wants a schema.
        noise_seed: fixes the noise and the choice of rows, for tests: who knows it can take the noise away. Absent,
            they come of a secret.

    Raises:
        UsageError: for a value that is out of range.

    Example:
        >>> from tabular import TVAE
        >>> model = TVAE(privacy=Privacy(epsilon=3.0), steps=200)
        >>> model.privacy.epsilon, model.privacy.public_schema
        (3.0, False)
        >>> model.fit(table, schema=schema)  # doctest: +SKIP
    """

    epsilon: float
    delta: float | None = None
    clip: float = 1.0
    schema_share: float = 0.1
    public_schema: bool = False
    noise_seed: int | None = None

    def __post_init__(self) -> None:
        for name, entry in _RANGES.items():
            entry.check(getattr(self, name))

    def check_public(self, schema: Schema | None, columns: Iterable[str]) -> None:
        """Raise an error where nobody said what is public of a table's ``columns``.

        Raises:
            UsageError, EngineError: as :meth:`check_asked`.
            SchemaError: for a schema that leaves out a column.
        """
        self.check_asked(schema is not None)
        if schema is None:
            return
        silent = [name for name in map(str, columns) if name not in schema]
        if silent:
            raise SchemaError(
                f"The schema says nothing of {'column' if len(silent) == 1 else 'columns'} "
                f"{', '.join(map(repr, silent))}, so nobody said what of {'it' if len(silent) == 1 else 'them'} is "
                "public: list every column of the table in the schema, or take the others out of the table."
            )

    def check_asked(self, has_schema: bool) -> None:
        """Raise an error where a private fit cannot begin, whatever the table is.

        Raises:
            UsageError: without a schema, unless what the table shows was said to be public.
            EngineError: where opacus is missing.
        """
        if importlib.util.find_spec("opacus") is None:
            raise EngineError("Differential privacy needs opacus to account for it: pip install opacus.")
        if not has_schema and not self.public_schema:
            raise UsageError(
                "Categories, bounds and frequent values would be learned without privacy: write them with 'tabllm "
                "schema DATA -o FILE', put what is public in their place and fit with --schema FILE, or say with "
                "--dp-public-schema that what the table shows of them is public."
            )


def chosen_delta(privacy: Privacy, rows: int) -> float:
    """The delta for a table of ``rows`` rows. Raises :class:`UsageError` where one was requested that is too great."""
    if privacy.delta is None:
        return DELTA_ROWS / rows
    if privacy.delta >= 1 / rows:
        raise UsageError(
            f"A delta of {privacy.delta:g} would let one of {rows:,} rows be told to everybody; take one below "
            f"{1 / rows:.1g}, or leave it out."
        )
    return privacy.delta


def with_private_defaults(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` of a generator, with its ``defaults`` for private fits where they say nothing."""
    if options.get("privacy") is None:
        return dict(options)
    by_epochs = options.get("epochs") is not None
    return {**{name: value for name, value in defaults.items() if not (by_epochs and name == "steps")}, **options}
