"""From what a generator draws to the rows that were requested.

==============  ====================================================================================================
``batches``     rows in parts, for generators whose rows are tokens
``imputing``    missing cells
``strata``      samples with the shares that were requested (``shares``: their arithmetic)
``drawn_text``  drawn cells written as the table writes them
==============  ====================================================================================================
"""
