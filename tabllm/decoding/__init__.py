"""What all models that draw token after token share.

==============  ====================================================================================================
``backend``     which engine and which device
``precisions``  number types of weights
``orders``      in which order the columns of a row are learned and drawn
``draws``       uniforms spread over a batch, and tokens by them (``torch_draws``, ``mlx_draws``)
``blocks``      blocks of rows that several threads draw at once
``prefix_tree`` sampling: equal prefixes are computed once
``attention``   attention over rows of a few tokens
``mlx_device``  the device of MLX
==============  ====================================================================================================
"""
