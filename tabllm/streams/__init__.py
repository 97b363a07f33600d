"""Fits and reports of tables larger than memory, which :mod:`tabular.streams` reads.

=============  ===============================================================
``memory``     how a table is to be read, and what peak of memory is expected
``fitting``    what a fit learns
``shards``     the rows of a table as tokens on the disk, for ``nano``
``comparing``  what ``eval`` compares
=============  ===============================================================
"""
