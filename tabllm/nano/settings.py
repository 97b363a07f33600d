"""The settings of ``nano``, and of what is made of several such models."""

from __future__ import annotations

from tabular.search_space import Choice, Real, Whole
from tabular.settings import EngineSettings, TrainingSettings, setting

from ..codec import DEFAULT_BINS

__all__ = ["NanoSettings"]


class NanoSettings(TrainingSettings, EngineSettings):
    """The engine, the length of the training, and the shape of the model."""

    batch_size: int | None = setting(
        None, "Batch size: rows per update.", above=0, absent="by the size of the table", search=Choice((None, 64, 256))
    )
    learning_rate: float = setting(
        2e-3, "Peak learning rate of the schedule.", above=0, search=Real(5e-4, 8e-3, log=True)
    )
    bins: int = setting(
        DEFAULT_BINS, "Quantile bins of a numeric column with many values.", above=0, search=Whole(32, 256, log=True)
    )
    layers: int = setting(2, "Blocks of the decoder.", above=0, search=Whole(1, 4))
    width: int = setting(128, "Width of the hidden state.", above=0, search=Choice((64, 128, 192)))
    heads: int = setting(4, "Heads of attention, of which the width is a multiple.", above=0, search=Choice((2, 4, 8)))
