"""What runs the model that is trained from scratch.

================  ==================================================================================================
``base``          what an engine offers
``making``        makes one
``torch_engine``  on PyTorch (``torch_adamw``: its optimizer)
``mlx_engine``    on MLX
``orthogonal``    updates with orthogonal steps
``rank_kernel``   the loss that knows the order of bins
================  ==================================================================================================
"""
