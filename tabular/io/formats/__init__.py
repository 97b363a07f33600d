"""One file for each format, and what they share.

===================  ===============================================================================================
``delimited``        CSV and its kin (``text_bytes``: encoding, ``text_layout``: separator, ``header_names``)
``excel_files``      Excel (``excel_text``: what a cell must not hold)
``json_files``       JSON
``arrow_files``      Parquet and Arrow
``databases``        SQLite, DuckDB, PostgreSQL, MySQL
``table_layout``     where a table begins and ends among other lines (``totals``: lines of sums)
``natural_columns``  columns as plain numbers where they are (``native_dtypes``: as they were written)
===================  ===============================================================================================
"""
