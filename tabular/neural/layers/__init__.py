"""Layers that several networks are made of.

===============  ===================================================================================================
``first_layer``  where a row enters a network
``gates``        which scalars count
``residual``     residual layers
``latent``       the latent vector of an autoencoder
``by_hand``      layers with their derivatives written out, of which the updates of CTGAN and TVAE are made
===============  ===================================================================================================
"""
