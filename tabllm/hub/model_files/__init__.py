"""The folder of a pretrained model, without loading it.

============  ======================================================================================================
``config``    config.json
``weights``   names, shapes and number types of the weights
``check``     whether a folder is whole and of a kind that can be read
``spelling``  a config as mlx-lm reads it
``packing``   which weights of a quantized model keep more bits
============  ======================================================================================================
"""
