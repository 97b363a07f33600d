"""The networks of the generators.

=====================  =============================================================================================
``critic, generator``  of CTGAN
``tvae_learner``       of TVAE
``denoiser``           of TabDDPM
``cascade``            of TabCascade, made of ``autoregression`` and ``flow``
=====================  =============================================================================================
"""
