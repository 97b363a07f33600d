"""Texts built by a pattern: identifiers, and values of persons that are made up.

===============  ===================================================================================================
``identifiers``  distinct new identifiers of a pattern
``patterns``     finds the pattern of a column
``forms``        patterns as small regular expressions, and distinct texts of one
``sequences``    identifiers that are counted up
``checksums``    check digits
``pools``        lists of words that patterns name (``given_names``: of persons)
===============  ===================================================================================================
"""
