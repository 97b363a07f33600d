"""The page's face of a report, one file per section; :mod:`eval.html` puts them together.

``markup`` and ``svg`` are the ground (escaped elements, shapes), ``charts`` and ``parts`` what several
sections use, ``theme`` the colours.
"""
