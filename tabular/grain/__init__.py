"""The grain of a column: which of the numbers or instants of its range occur at all, such as quarter hours on weekdays.

:mod:`.text` reads and writes it as a person does, :mod:`tabular.columns.grain` finds it, :mod:`.lattice` moves values
onto it.
"""

from .lattice import Lattice, lattice_of
from .text import Grain, grain_from_text

__all__ = ["Grain", "Lattice", "grain_from_text", "lattice_of"]
