"""What the programs for REaLTabFormer share."""

from typing import Any

__all__ = ["REPAIRS"]

#: With its defaults for these 0.2.4 ends in an error after some epochs.
REPAIRS: dict[str, Any] = {"gen_kwargs": {}, "save_full_every_epoch": 0}
