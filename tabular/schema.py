"""What a table is: its columns, their kinds, and what every generator must keep to.

A :class:`Schema` is inferred once (:func:`tabular.infer_schema`), written as JSON, and may be edited
by hand. It holds no rows; what of the data it does hold is listed per field of :class:`Column`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import KindError, RuleError, SchemaError
from .plain_json import FieldError, read_json
from .storage.rundir import write_text

if TYPE_CHECKING:
    from .rules import Rule

__all__ = ["KINDS", "NUMERIC_KINDS", "TOKEN_KINDS", "Column", "Schema", "kind_hint"]

#: Kinds whose values are numbers (datetimes count as seconds since 1970-01-01 UTC).
NUMERIC_KINDS = frozenset({"integer", "continuous", "datetime"})
#: Kinds whose values come from a closed list, :attr:`Column.categories`.
TOKEN_KINDS = frozenset({"categorical", "boolean", "constant"})
#: Every kind a column can have.
KINDS = NUMERIC_KINDS | TOKEN_KINDS | {"text", "identifier"}

#: What other tools call a kind -> its name here.
_SYNONYMS = {
    **dict.fromkeys(("int", "int64", "whole", "count"), "integer"),
    **dict.fromkeys(("float", "float64", "double", "decimal", "number", "numeric", "numerical", "real"), "continuous"),
    **dict.fromkeys(("date", "time", "timestamp", "instant"), "datetime"),
    **dict.fromkeys(("id", "key", "uuid", "index"), "identifier"),
    **dict.fromkeys(("bool", "binary", "flag"), "boolean"),
    **dict.fromkeys(("category", "class", "enum", "nominal", "ordinal", "factor", "discrete", "label"), "categorical"),
    **dict.fromkeys(("str", "string", "object", "freetext", "words"), "text"),
    **dict.fromkeys(("const", "fixed"), "constant"),
}

FORMAT_VERSION = 1

Scalar = str | int | float | bool


def kind_hint(kind: object) -> str:
    """The end of a sentence about a kind that is none: what was probably meant, or what there is."""
    name = str(kind).lower()
    close = [_SYNONYMS[name]] if name in _SYNONYMS else get_close_matches(name, sorted(KINDS), n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(sorted(KINDS))}."


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: the header, unique in its table.
        kind: one of :data:`KINDS`.
        dtype: the pandas dtype to give back, as text (``"int64"``, ``"object"``, ``"datetime64[ns]"``);
            besides, ``"category[ordered]"``, and ``"date"``, ``"decimal"`` and those of
            :mod:`tabular.encoding.object_cells` for objects of those types.
        missing_rate: fraction of missing cells, 0 to 1.
        minimum, maximum: bounds of a numeric kind; for ``datetime`` in seconds since 1970.
        decimals: digits after the point that a ``continuous`` column keeps (a ``datetime``: of its
            seconds); ``None`` if unlimited.
        categories: the closed list of values of a categorical, boolean or constant column, sorted.
        atoms: numbers of a numeric column that each carry much of its mass (such as 0 in capital-gain).
        format: ``strftime`` format of a datetime that is written as text; where the dtype is native it
            tells how fine the values are (``"%Y-%m-%d"``: whole days, ``None``: seconds); for numbers
            stored as text, the template of their text (such as ``"${:,.2f}"``).
        grain: which numbers or instants of its range a column has at all, such as ``"step 15 min; weekdays Mon-Fri"``
            (:mod:`tabular.grain.text`); ``None`` for all that its decimals or its format can write.
        pattern: how an identifier is built (:mod:`tabular.codes.identifiers`), such as ``"uuid"`` or ``"AA-9999"``;
            ``"same"`` for the values of the column that it goes with.
        words: lists of words that the pattern names, with blanks between the words: ``(("given", "Anna Bea"),)``; lists
            of the package where they are not given.
        other: the category that values outside ``categories`` become, ``None`` if they are an error;
            set where rare categories were folded.
        marks: texts that stand for missing or censored values in a column of numbers or dates that is written as
            text (``NA``, ``< 10%``): missing where it is read, written where a cell is missing.
        mark_shares: the fraction of the missing cells that each of ``marks`` stands in; the rest are empty.
        levels: of an ordered category, all levels of its dtype in their order, where some occur in no row.
        notes: what a person should know of the column, one sentence each.
        personal: what of a person the values are (such as ``"e-mail"``), as :func:`tabular.personal.find_personal`
            found; ``None`` if they are nobody's. Taking it out of a file says that they are nobody's.
        label: the column's name in the table it was learned from, where that is a number and ``name`` its text.
        repeats: how often identifiers come back: pairs of a number of rows and of how many identifiers have so
            many, ascending; empty if none comes twice, or one belongs to each value of ``goes_with``.
        goes_with: the identifier whose values decide this one's, such as the user of an e-mail.
        per_value: columns that are the same in all rows of one identifier.

    Example:
        >>> import pandas as pd
        >>> from tabular import infer_schema
        >>> column = infer_schema(pd.DataFrame({"age": range(18, 80)}))["age"]
        >>> column.kind, column.minimum, column.maximum
        ('integer', 18.0, 79.0)
    """

    name: str
    kind: str
    dtype: str
    missing_rate: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    categories: tuple[Scalar, ...] = ()
    atoms: tuple[float, ...] = ()
    format: str | None = None
    grain: str | None = None
    pattern: str | None = None
    other: Scalar | None = None
    notes: tuple[str, ...] = ()
    personal: str | None = None
    label: int | float | None = None
    repeats: tuple[tuple[int, int], ...] = ()
    goes_with: str | None = None
    per_value: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    mark_shares: tuple[float, ...] = ()
    levels: tuple[Scalar, ...] = ()
    words: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise KindError(f"Column {self.name!r} has the kind {self.kind!r}; {kind_hint(self.kind)}")

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers or instants."""
        return self.kind in NUMERIC_KINDS

    @property
    def gives_persons_away(self) -> bool:
        """Whether real values of persons stand in the schema or can come out of a generator."""
        return self.personal is not None and self.kind != "identifier"

    @property
    def has_categories(self) -> bool:
        """Whether the values come from a closed list."""
        return self.kind in TOKEN_KINDS


@dataclass(frozen=True, repr=False)
class Schema:
    """The columns of a table, in order, how many rows they were inferred from, and what holds between them.

    Attributes:
        notes: what a person should know of the table, one sentence each.
        rules: what every row keeps to; see :func:`tabular.rules.find_rules`.

    Example:
        >>> import pandas as pd
        >>> from tabular import infer_schema
        >>> schema = infer_schema(pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)}))
        >>> schema
        Schema(2 columns, 100 rows: device, age)
        >>> schema.replace_column("age", maximum=120.0)["age"].maximum
        120.0
    """

    columns: tuple[Column, ...]
    rows: int = 0
    notes: tuple[str, ...] = field(default=())
    rules: tuple[Rule, ...] = field(default=())

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:6]) + ", ..." * (len(self) > 6)
        return f"Schema({self._sizes}: {shown})"

    @property
    def _sizes(self) -> str:
        rules = f", {len(self.rules):,} rule{'s' * (len(self.rules) != 1)}" if self.rules else ""
        return f"{len(self)} columns, {self.rows:,} rows{rules}"

    def _repr_html_(self) -> str:
        from .notebook import html_table

        return html_table(
            f"Schema: {self._sizes}",
            ("column", "kind", "missing", "values", "notes"),
            [(c.name, c.kind, f"{c.missing_rate:.1%}", _values(c), " ".join(c.notes)) for c in self],
        )

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"There is no column {name!r}; the table has {', '.join(map(repr, self.names))}.")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def names(self) -> list[str]:
        """The column names in table order."""
        return [column.name for column in self.columns]

    def replace_column(self, name: str, **changes: Any) -> Schema:
        """A copy in which the fields ``changes`` of column ``name`` are replaced."""
        changed = replace(self[name], **changes)
        return replace(self, columns=tuple(changed if c.name == name else c for c in self.columns))

    def drop_columns(self, names: Collection[str]) -> Schema:
        """A copy without the columns ``names`` and without the rules that are about one of them."""
        rules = tuple(rule for rule in self.rules if not set(rule.columns(self.names)).intersection(names))
        return replace(self, columns=tuple(c for c in self.columns if c.name not in names), rules=rules)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON data; empty fields are left out."""
        columns = []
        for column in self.columns:
            data = asdict(column)
            empty = {k for k, v in data.items() if v is None or v == () or (k == "missing_rate" and not v)}
            columns.append({k: v for k, v in data.items() if k not in empty - {"minimum", "maximum"}})
            if not column.is_numeric:
                columns[-1].pop("minimum", None)
                columns[-1].pop("maximum", None)
        found = {"version": FORMAT_VERSION, "rows": self.rows, "notes": list(self.notes), "columns": columns}
        if self.rules:
            found["rules"] = [rule.to_data() for rule in self.rules]
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, origin: str = "schema") -> Schema:
        """Read what :meth:`to_dict`, or a person, wrote.

        Raises:
            SchemaError: naming ``origin``, the column, the field and its value, if it cannot serve.
        """
        from .schema_checks import columns_from, rules_from

        version = data.get("version") if isinstance(data, Mapping) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise SchemaError(
                f"{origin} was written by a newer tabllm (format {version:,}, this one reads {FORMAT_VERSION}): "
                "upgrade tabllm to read it."
            )
        try:
            columns = columns_from(data)
            rules = rules_from(data, columns)
        except (FieldError, RuleError) as error:
            raise SchemaError(
                f"{origin} cannot be used: {str(error).rstrip('.')}. Correct it, or make it anew with "
                "'tabllm schema DATA -o FILE'."
            ) from None
        return cls(columns, data.get("rows", 0), tuple(data.get("notes", ())), rules)

    def to_json(self, path: str | Path) -> None:
        """Write the schema to ``path`` as indented JSON."""
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def from_json(cls, path: str | Path) -> Schema:
        """Read a schema that :meth:`to_json`, or a person, wrote."""
        try:
            data = read_json(path)
        except FileNotFoundError:
            raise SchemaError(f"There is no schema file {path}.") from None
        except (OSError, FieldError) as error:
            raise SchemaError(f"{path} is not a readable JSON schema ({error}).") from None
        return cls.from_dict(data, origin=str(path))


def _values(column: Column) -> str:
    """What the values of a column are, in a few words."""
    if column.has_categories:
        return ", ".join(map(str, column.categories[:5])) + ", ..." * (len(column.categories) > 5)
    if column.minimum is None or column.maximum is None:
        return column.pattern or ""
    if column.kind == "datetime":
        return column.format or ""
    return f"{column.minimum:g} to {column.maximum:g}"
