"""The machine that a fit runs on.

============  =======================================================================================================
``devices``   where torch computes
``threads``   with how many threads, beside other programs
``memory``    what says that there is not enough of it
``row_sums``  products with one-hot rows, as this processor or GPU makes them fastest
============  =======================================================================================================
"""
