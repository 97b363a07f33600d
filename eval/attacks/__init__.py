"""How private: attacks, and what they find.

=============================  =====================================================================================
``privacy``                    all of them; copies, and the distance to the closest record
``membership``                 whether a row was learned from (``exposed``: of outliers, ``shadow``: by shadow models)
``white_box``                  what a run itself gives away
``attributes``                 whether a column can be guessed
``singling_out``               whether a predicate fits exactly one row
``combinations, identifying``  what is unique to a person, and cells that name one
``audit``                      from an attack to a lower bound on epsilon
``figures``                    the figures of one attack
=============================  =====================================================================================
"""
