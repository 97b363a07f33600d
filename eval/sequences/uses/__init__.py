"""What histories are used for, and what they give away: do synthetic ones serve as real ones do?

===============  ======================================================================================
``facts``        what is measured, as plain data
``selecting``    the events of some users, or before some time
``predicting``   next event and churn: models that learned from each log, tested on other real users
``attribution``  which channels lead to a conversion
``membership``   was this user learned from?
===============  ======================================================================================
"""
