"""How faithful: columns, pairs of columns, whole rows.

=============  =====================================================================================================
``fidelity``   single columns (``distributions``: their shares, ``forms``: columns that have none)
``trends``     pairs of columns (``joints``: the worst of them)
``support``    whole rows: where they lie (``distance``: between rows)
``detection``  whether a classifier tells the tables apart (``unit_detection``: whole users and families)
``rules``      rules between columns
``listed``     figures that every face shows without knowing them (``missing``: cells that are missing together)
``pairwise``   several synthetic tables against each other
=============  =====================================================================================================
"""
