"""The language model that is trained from scratch on one table.

===============  ==============================================================================
``table_lm``     :class:`tabllm.TableLM`: the generator
``config``       the shape of its network; ``settings``: what a user may set
``trainer``      what the training loop is given (``private_trainer``: with differential privacy; ``holdout``)
``engines``      the network, on PyTorch and on MLX
``sampler``      rows, by the tree of prefixes (``relations``: which columns are drawn again)
``scorer``       log-probabilities of given rows
``run_files``    what a run keeps
===============  ==============================================================================
"""
