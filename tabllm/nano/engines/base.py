"""What an engine offers to the codec, the trainer and the sampler of ``nano``, and nothing more.

Arrays that an engine hands out (hidden states, tokens, caches) stay on its device; only
:meth:`NanoEngine.probabilities`, :meth:`NanoEngine.fetch` and :meth:`NanoEngine.losses` wait for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from ...parallel.group import Group
from ..config import NanoConfig
from .orthogonal import is_orthogonal
from .rank_kernel import Kernels

__all__ = ["BETAS", "CLIP_NORM", "TINY", "NanoEngine", "decays"]

#: AdamW's betas; the second is low so that the short runs on small tables are not ruled by their start.
BETAS = (0.9, 0.95)
#: Gradients are clipped to this global norm.
CLIP_NORM = 1.0
#: Added to probabilities before weights, so that an allowed token stays possible where the softmax underflows.
TINY = 1e-9


def decays(name: str) -> bool:
    """Whether weight decay applies: to matrices, not to embeddings, norms and biases."""
    return name.endswith(".weight") and "ln_" not in name


class NanoEngine(ABC):
    """One model's weights on one device."""

    #: ``"torch"`` or ``"mlx"``.
    name: ClassVar[str]
    config: NanoConfig
    #: By name, on the device.
    weights: dict[str, Any]
    #: Rows are drawn in multiples of this, where each new number of them costs the engine time.
    round_rows: int = 1

    # -- decoding ---------------------------------------------------------------------------------------------
    @abstractmethod
    def new_cache(self, rows: int, *, drawing: bool = False) -> Any:
        """Room for the keys and values of ``rows`` rows; ``drawing`` as of :meth:`gather`."""

    @abstractmethod
    def gather(self, cache: Any, index: np.ndarray, length: int, *, drawing: bool = False) -> Any:
        """A cache whose row i is row ``index[i]`` of ``cache``, over the first ``length`` steps.

        Args:
            drawing: it is for draws alone, for which an engine may multiply in a shorter number type.
        """

    @abstractmethod
    def append(self, cache: Any, tokens: Any, order: Sequence[int], start: int) -> Any:
        """Append tokens to every row and give the hidden state of the last: float32[rows, width].

        Args:
            tokens: int32[rows, m], the tokens of fields ``order[start-m]`` to ``order[start-1]``, on the
                host or on the device; each is the input of the step after it. For ``start = 0`` the
                start token comes before them, so m + 1 steps are made: 0 to m.
            start: the step of the first input.
        """

    @abstractmethod
    def probabilities(self, hidden: Any, field: int) -> np.ndarray:
        """The distribution of a field: float32[rows, tokens of the field], on the host."""

    @abstractmethod
    def distribution(self, hidden: Any, field: int, weight: Any | None) -> Any:
        """The distribution of a field, not normalised: float32[rows, tokens of the field] on the device.

        Args:
            weight: ``None``, or factors on the probabilities, float32[tokens] or [rows, tokens] on the device.
        """

    @abstractmethod
    def draw(self, distribution: Any, uniform: Any) -> Any:
        """Draw a field by inversion: int32[rows] on the device.

        Args:
            uniform: float32[rows] on the device, below 1.
        """

    @abstractmethod
    def probability(self, distribution: Any, token: Any) -> Any:
        """The probability of each row's token, which was drawn: float32[rows] on the device, above 0."""

    @abstractmethod
    def put(self, array: np.ndarray) -> Any:
        """The array on the device."""

    @abstractmethod
    def fetch(self, columns: Sequence[Any]) -> np.ndarray:
        """Device vectors [rows] of one number type as the columns of one host array: [rows, len(columns)]."""

    def drawing(self) -> AbstractContextManager[int]:
        """Around draws; gives how many threads may draw at once. What is drawn does not depend on their number."""
        return nullcontext(1)

    @abstractmethod
    def numpy_weights(self) -> dict[str, np.ndarray]:
        """The weights by name, float32 on the host."""

    # -- training ---------------------------------------------------------------------------------------------
    def start_training(
        self,
        *,
        weight_decay: float,
        average: float,
        state: Mapping[str, np.ndarray] | None,
        kernels: Kernels | None = None,
        orthogonal: bool = False,
    ) -> None:
        """Make the optimizer and the moving average of the weights.

        Args:
            average: decay of the exponential moving average.
            state: what :meth:`training_state` gave, to go on from there.
            kernels: train the parameters that :func:`.rank_kernel.smoothed` makes plain weights of, from the weights
                as they are. The engine cannot decode with them: give :meth:`averaged` to a new one.
            orthogonal: update the layers' matrices as :mod:`.orthogonal` says, in place of AdamW.
        """
        self._kernels = {ids: self.put(kernel) for ids, kernel in (kernels or {}).items()}
        matrices = {name for name in self.weights if orthogonal and is_orthogonal(name)}
        self._start_updates(weight_decay, average, matrices, state)

    @abstractmethod
    def _start_updates(
        self, weight_decay: float, average: float, orthogonal: Set[str], state: Mapping[str, np.ndarray] | None
    ) -> None:
        """As :meth:`start_training`; ``orthogonal``: the weights that are updated so."""

    def train_step(
        self,
        tokens: np.ndarray,
        order: np.ndarray,
        learning_rate: float,
        rows: int = 0,
        group: Group | None = None,
        pieces: int = 1,
    ) -> Any:
        """One update on a batch; gives its loss, which stays on the device.

        Args:
            tokens: int64[rows, fields], in field order; of a fit that is spread over ``group`` the part of this
                process, which may be nothing.
            order: int64[rows, fields], the field at each step of each row.
            rows: of the batch of all processes; only where there is a ``group``, or several ``pieces``.
            pieces: micro-batches in which the rows go through the model one after the other.
        """
        if group is None and pieces == 1:
            return self._update_on(tokens, order, learning_rate)
        return self._update_in_parts(tokens, order, learning_rate, rows, group, pieces)

    @abstractmethod
    def _update_on(self, tokens: np.ndarray, order: np.ndarray, learning_rate: float) -> Any:
        """:meth:`train_step` on a batch that this process has alone and in one piece."""

    @abstractmethod
    def _update_in_parts(
        self, tokens: np.ndarray, order: np.ndarray, rate: float, rows: int, group: Group | None, pieces: int
    ) -> Any:
        """:meth:`train_step` on one that is spread."""

    def drop_gradients(self) -> bool:
        """Forget the gradients of an update that ran out of memory, so that it can be made again; ``False`` where an
        engine cannot."""
        return False

    @abstractmethod
    def losses(self, tokens: np.ndarray, order: np.ndarray, fractions: Sequence[float] = (1.0,)) -> np.ndarray:
        """The averaged weights' mean negative log-likelihood of each field, in nats: float32[shares, fields].

        Args:
            fractions: how much of the logits is the model's, one result for each; the rest is the head's bias at
                the start, which is the field's marginal distribution.
        """

    @abstractmethod
    def training_state(self) -> dict[str, np.ndarray]:
        """Trained parameters, their average and the state of their updates, by name."""

    @abstractmethod
    def averaged(self) -> dict[str, np.ndarray]:
        """The averaged weights by name, plain, float32 on the host."""
