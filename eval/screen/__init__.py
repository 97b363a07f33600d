"""A report on a terminal.

===========================  =======================================================================================
``report``                   details if asked for, and the verdicts last
``margins, risks, several``  parts of it
``tables``                   what all its tables share
===========================  =======================================================================================
"""
