"""What runs a language model, and what all engines share.

================  ==================================================================================================
``base``          what an engine offers
``loading``       chooses and loads one (``memory``: whether it goes into this machine)
``tuning``        which weights are trained, and in which number type
``weight_names``  names of weights in files of either engine
``adamw``         the decay that both optimizers use
``pytorch, mlx``  the engines
================  ==================================================================================================
"""
