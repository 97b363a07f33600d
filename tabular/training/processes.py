"""What the training loop asks of the processes that a fit is spread over."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Found", "Processes"]

#: (state, best weights, facts), as :meth:`tabular.storage.checkpoint.Checkpoint.read` gives them.
Found = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]


class Processes:
    """The processes of one fit, all of which call every method in the same order. Of this base class there is one."""

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return True

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return flag

    def wait(self) -> None:
        """Return when every process has come here."""

    def broadcast_checkpoint(self, found: Found | None) -> Found | None:
        """The checkpoint that the leading process found."""
        return found
