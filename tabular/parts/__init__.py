"""Columns that a generator learns in parts: an instant as its week, its weekday and its time of day.

Every part is a column of the ordinary kinds, so that codecs need not know of it. What the parts are follows from the
fields of the column alone; a table none of whose columns has parts is learned exactly as if this folder were not there.
"""

from .table import Parts, parts_of

__all__ = ["Parts", "parts_of"]
