"""The sections of the page, one file each.

========================================  ==========================================================================
``columns, pairs, margins, rows, rules``  how faithful
``target, utility, all_targets, bias``    how useful
``detection``                             how easily distinguished
``privacy, attacks``                      how private
========================================  ==========================================================================
"""
