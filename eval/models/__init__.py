"""How useful: models trained on either table, and tested on real rows.

===============  ===================================================================================================
``utility``      the scores of both models
``pair``         the two models (``decisions``: what is done with a chance)
``scores``       scores of predictions (``curves``, ``bootstrap``: their intervals)
``all_targets``  every column as target
``bias``         gaps between groups
===============  ===================================================================================================
"""
