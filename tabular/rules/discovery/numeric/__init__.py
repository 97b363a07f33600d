"""Equations between columns of numbers.

========================  ==========================================================================================
``arithmetic``            all of them
``equations``             what an equation is, and which rows keep it
``sums, lines, factors``  its forms (``operations``: of two columns)
``searching``             which columns to try
``plain_numbers``         numbers that a person would write
========================  ==========================================================================================
"""
