"""What a user says of the rules of a table, before one is read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALL", "RuleChoice"]

#: Among the rules to take away: all that were found, or that the schema lists.
ALL = "*"


@dataclass(frozen=True)
class RuleChoice:
    """What a user says of the rules of a table, as texts.

    Attributes:
        add: rules that the rows keep, too.
        forced: rules that synthetic rows are to keep, whether or not the real ones do.
        drop: rules to take away; :data:`ALL` takes away all but ``add`` and ``forced``.
    """

    add: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.forced or self.drop)
