"""What is found out about one column.

=========  =========================================================================================================
``facts``  what its cells are, counted once
``kinds``  the kind that follows, as a :class:`tabular.Column`
``keys``   whether it identifies rows
``names``  whether its name can serve, and what it hints at
``grain``  which numbers or instants it has at all
=========  =========================================================================================================
"""
