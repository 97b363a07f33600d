"""A row <-> the tokens of a language model.

================  ==================================================================================================
``base``          what every serialization offers
``text``          rows written as text, in the tokens of a pretrained tokenizer
``table``         rows as tokens made from the table
``fitting``       the serialization that a fit asks for
``columns``       the cells of one column as paths of choices (``digits``, ``dates``, ``text_bounds``)
``automaton``     what may follow a prefix
``tokenizer``     pieces of text, each tokenized by itself
``context``       whether rows go into the context of a model
``column_order``  which column comes first
================  ==================================================================================================
"""
