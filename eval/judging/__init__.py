"""From figures to words.

================  ==================================================================================================
``verdicts``      what a reader should make of each part; all thresholds
``findings``      one sentence, where to look first, what to do next
``wording``       how figures, metrics and cells are written
``side_by_side``  the figures of several tables beside each other
================  ==================================================================================================
"""
