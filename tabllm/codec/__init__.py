"""A table as token ids and back, with a vocabulary made from it."""

#: Quantile bins of a numeric column with many values.
DEFAULT_BINS = 100
