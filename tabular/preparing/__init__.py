"""What comes before a fit.

=================  =================================================================================================
``inference``      finds the schema of a table
``schema_fit``     whether a table keeps to a schema that was given
``holdout``        which rows are held back
``training_rows``  the rows that a generator learns, plain or private
``source``         what a run keeps of its file
=================  =================================================================================================
"""
