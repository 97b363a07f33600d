"""Pretrained models: found, downloaded, checked, quantized.

===============  ==================================================================
``names``        what a user calls a model (``catalog``: known ones)
``folder``       a name -> the folder of a model
``download``     from the hub (``cache``, ``conversion``: to safetensors, ``bars``)
``failures``     why a download failed, and the way out (``errors``)
``model_files``  the folder of a model, without loading it
``facts``        what a model is and needs (``listing``: all that lie here)
``quantize``     to 8 or 4 bits
``gguf``         models of llama.cpp; ``pickled``: models that only exist as pickles
===============  ==================================================================
"""
