"""Generators that learn a table as one-hot spans and scalars, with torch.

=================  =========================================================================
``base``           what they share: tables, conditions, seeds, files
``encoder``        a table as spans and scalars (``fields``: one column, ``scales``: a number,
                   ``mixture``: its modes)
``spans``          softmax, draws and one-hot of all spans at once; ``gates``: which scalars count;
                   ``first_layer``: where a row enters a network
``rows``           which rows an update learns from
``training``       the loop: progress, checkpoints, divergence (``optimizer``: Adam and averages)
``calibration``    sets each column's own distribution right
``ctgan``          Xu et al. 2019 (``critic``: its discriminator)
``tvae``           the same
``tabddpm``        Kotelnikov et al. 2023 (``denoiser``: its network and diffusion)
``tabcascade``     Mueller et al. 2026 (``cascade``: its network, of ``autoregression`` and ``flow``,
                   both made of ``residual`` layers)
=================  =========================================================================
"""
