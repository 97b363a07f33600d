"""Choosing among rows so that their margins meet those of the table that was learned.

A generator draws a few rows more than are wanted; :func:`choose` exchanges rows for these until the counts, of single
columns and of pairs, come near to the counts that :class:`Margins` keeps of the table. It stops at about half of the
distance that real rows would have, since beyond it the rows learn the table's own chance by heart.
"""

from .choosing import Refiner, choose, refiner_for
from .grouping import MIN_CELL, Grouping
from .margins import Margins

__all__ = ["MIN_CELL", "Grouping", "Margins", "Refiner", "choose", "refiner_for"]
