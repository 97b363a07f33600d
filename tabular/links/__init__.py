"""Tables that belong together: the keys between them.

===============  ====================================================================================
``keys``         :class:`Key`: a column of a child table names rows of its parent; reading and matching
``graph``        :class:`TableGraph`: the tables and keys in order, parents before children
``proposing``    keys that values and names suggest
``links_file``   keys in a file of TOML or JSON
===============  ====================================================================================
"""
