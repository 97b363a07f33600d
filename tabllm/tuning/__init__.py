"""Searches the settings of a generator: which ones make the best rows of this table?"""
