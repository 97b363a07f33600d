"""Tables larger than memory: read by parts, never held.

===============  ==========================================================================
``limits``       how much is held at a time, and what reading a table whole would take
``byte_lines``   the bytes of a text file as UTF-8, from the disk as they are requested
``parts``        one file as blocks of cells: delimited text, Parquet, Feather
``stream``       a table, which may have several files, as blocks in the order of its rows
``reservoir``    rows drawn at random while a stream goes by
``tallies``      how often each distinct value of a column occurs, exactly up to a bound
``native``       the dtype of a column of text, settled block by block
``summary``      one pass over a stream: all of these together
``order``        whether a column counts its rows, inferred from a few of them
``facts``        what :func:`tabular.infer_schema` asks of a column, from a summary
``checking``     a second pass: bounds, grain and rules hold for every row
``schema``       the schema of a stream
===============  ==========================================================================
"""
