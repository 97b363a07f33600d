"""The engine on PyTorch.

============  ======================================================================================================
``engine``    prefixes through a model, and logits of some tokens
``model``     loads and saves a model (``products``: its matrix products, ``export``: its compiled form)
``cache``     keys and values of rows of unequal length
``training``  updates (``adapters``: LoRA)
============  ======================================================================================================
"""
