"""The engine on MLX.

============  ======================================================================================================
``engine``    prefixes through a model, and logits of some tokens
``model``     loads and saves a model (``weights``: its files, ``vocabulary``: the rows of its head that a table uses)
``cache``     keys and values of rows of unequal length
``training``  updates (``adapters``: LoRA, ``adamw``: the optimizer)
============  ======================================================================================================
"""
