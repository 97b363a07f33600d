"""Several tables that belong together, learned with the keys between them.

==============  ======================================================================================
``model``       :class:`LinkedTables`: fit, sample, save, load
``learning``    what a model of one table is fitted to
``tables``      what is learned of each table beside its own columns, as names of columns
``aggregates``  what a row of a parent says of its children ahead of them: of what kind they are, from where to where
``siblings``    rows of one parent in order, and what the earlier ones of them say
``context``     what a row is drawn from: its parent, its ancestors, its elder siblings
``times``       the time of a row as the gap since its elder sibling
``parents``     another parent of a row, by the kind of parent that goes with it
``making``      the rows of all tables, parents first
``surplus``     more families than are wanted, and what becomes of those that are not chosen
``conditions``  conditions on tables without a parent
``resuming``    a fit that was interrupted goes on
``run_files``   what a run folder holds
==============  ======================================================================================
"""
