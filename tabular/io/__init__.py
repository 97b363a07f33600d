"""Files into tables, and tables into files.

=============  =====================================================================================================
``reading``    reads a table, whatever its format
``writing``    writes one, part by part (``resuming``: goes on with one that was interrupted)
``formats``    the formats
``file_form``  how a file is laid out; ``files``: which format it has
``origins``    where a table comes from: a file, several, standard input, a database
``dropping``   columns left out
=============  =====================================================================================================
"""
