"""Linked tables compared: whether keys lead somewhere, how many children there are, what goes with what.

==============  ==================================================================================
``comparison``  :func:`compare_links`: every figure beside its noise floor
``measures``    distances between two sides of a key
``families``    one side of a key: parents, children, and which child is whose
``facts``       the report as plain data
``pictures``    what the page draws, as plain data
``words``       verdicts
``terminal``    the report on the terminal
``page``        the report as a page of HTML
==============  ==================================================================================
"""

from .comparison import compare_links
from .facts import KeyReport, LinksReport

__all__ = ["KeyReport", "LinksReport", "compare_links"]
