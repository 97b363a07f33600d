"""Generators that learn a table as one-hot spans and scalars, with torch.

===============  =======================================================================================
``base``         what they share: tables, conditions, seeds, files
``encoding``     a table as spans and scalars, and back
``layers``       layers that several networks are made of
``networks``     the networks of the generators
``network``      what a generator leaves when it is trained, and what it learns from
``updates``      which rows an update learns from, and how weights move
``training``     the loop: progress, checkpoints, divergence
``draws``        rows from a trained network, with conditions
``ctgan``        Xu et al. 2019
``tvae``         the same
``tabddpm``      Kotelnikov et al. 2023
``tabcascade``   Mueller et al. 2026
===============  =======================================================================================
"""
