"""Searches the settings of a generator: which ones make the best rows of this table?

Example:
    >>> from tabllm.tuning.study import run_search                                     # doctest: +SKIP
    >>> from tabllm.tuning.trials import Search                                        # doctest: +SKIP
    >>> found = run_search(table, Search("ctgan", target="y"), "ctgan-tune", trials=40)  # doctest: +SKIP
    >>> create("ctgan", **found.settings).fit(table)                                   # doctest: +SKIP
"""
