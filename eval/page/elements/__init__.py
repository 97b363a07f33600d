"""What every section of the page is made of.

==========  ========================================================================================================
``markup``  text as HTML
``svg``     shapes
``charts``  plots
``parts``   headings, notes, tables
``theme``   colours and type
==========  ========================================================================================================
"""
