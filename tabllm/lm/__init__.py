"""Pretrained language models, fine-tuned on the rows of a table or shown some of them.

=================  ============================================================================
``pretrained``     :class:`tabllm.PretrainedLM`: the generator; ``settings``: what a user may set
``prompted``       rows from a model that is only shown some rows
``bases``          the model that a run was fine-tuned from (``restoring``: both, put together)
``vocabulary``     the tokens that a table can use
``serialization``  a row <-> tokens
``engines``        what runs the model: PyTorch, MLX
``training``       fine-tuning
``sampling``       rows, imputation, log-probabilities
``run_files``      what a run keeps (``export``, ``adapter_export``: for other programs)
=================  ============================================================================
"""
