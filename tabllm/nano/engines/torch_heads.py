"""The heads of ``nano`` in training with torch: the loss of each drawn field from the step that predicts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import NanoConfig
from .head_groups import head_groups

__all__ = ["TorchHeads"]


class TorchHeads:
    """One head for each field; those of like size are one batched product where there are :data:`.MANY_HEADS`.

    Args:
        marginal: float32[vocabulary], the bias of each token before training.
    """

    def __init__(self, config: NanoConfig, marginal: Tensor) -> None:
        self.config, self.marginal = config, marginal
        groups = head_groups(config)
        # The fields group by group, the place of each in that, and all tokens group by group; of each group its padding
        # and its marginal, float32[k, s, 1].
        fields = np.concatenate([group.fields for group in groups]) if groups else np.empty(0, np.int64)
        self._fields, self._inverse = self._put(fields), self._put(fields.argsort())
        self._ids = self._put(np.concatenate([group.tokens.ravel() for group in groups])) if groups else None
        self._paddings = [self._put(group.padding.transpose(0, 2, 1).copy()) for group in groups]
        pairs = zip(groups, self._paddings, strict=True)
        self._marginals = [marginal[self._put(group.tokens)][..., None] + padding for group, padding in pairs]

    def _put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.marginal.device)

    def losses(
        self,
        w: Mapping[str, Tensor],
        x: Tensor,
        order: Tensor,
        tokens: Tensor,
        fractions: Sequence[float],
        *,
        apart: bool = False,
    ) -> Tensor:
        """Mean negative log-likelihood of each field, 0 of those that are given: float32[fractions, fields].

        Args:
            x: float32[rows, drawn fields, width]; step t of a row predicts its field ``order[t]``.
            order, tokens: int64[rows, fields].
            fractions: see :meth:`.NanoEngine.losses`.
            apart: each head by itself, however many there are.
        """
        given, (rows, drawn, width) = self.config.given, x.shape
        # Bring the steps back into the order of fields, field-major, so that each field's head is one product.
        position = torch.argsort(order[:, given:], dim=1)
        position = position + torch.arange(rows, device=x.device)[:, None] * drawn
        together = None if apart else self._ids
        if together is not None:
            position, tokens = position[:, self._fields - given], tokens[:, self._fields]
        hidden = x.reshape(rows * drawn, width)[position.T.reshape(-1)].view(drawn, rows, width)
        if together is not None:
            return self._in_groups(w, hidden, together, tokens.T, fractions)
        return self._one_by_one(w, hidden, tokens[:, given:], fractions)

    def _one_by_one(
        self, w: Mapping[str, Tensor], hidden: Tensor, tokens: Tensor, fractions: Sequence[float]
    ) -> Tensor:
        c = self.config
        # One split of the head: the gradient of a slice for each field would be a whole head of zeros each.
        heads = (w[name].split(c.sizes)[c.given :] for name in ("head.weight", "head.bias"))
        marginals = self.marginal.split(c.sizes)[c.given :]
        losses = [hidden.new_zeros(len(fractions))] * c.given
        for x, known, marginal, weight, bias in zip(hidden, tokens.unbind(1), marginals, *heads, strict=True):
            logits = F.linear(x, weight, bias)
            drawn_back = [logits if share == 1 else torch.lerp(marginal, logits, share) for share in fractions]
            losses.append(torch.stack([F.cross_entropy(part, known) for part in drawn_back]))
        return torch.stack(losses, dim=1)

    def _in_groups(
        self, w: Mapping[str, Tensor], hidden: Tensor, ids: Tensor, tokens: Tensor, fractions: Sequence[float]
    ) -> Tensor:
        # One look-up for all groups: the gradient of one for each would be a whole head of zeros each.
        tokens_of = [padding.numel() for padding in self._paddings]
        weights, biases = F.embedding(ids, w["head.weight"]).split(tokens_of), w["head.bias"][ids].split(tokens_of)
        fields = [len(padding) for padding in self._paddings]
        groups = zip(
            self._paddings, self._marginals, weights, biases, hidden.split(fields), tokens.split(fields), strict=True
        )
        losses = []
        for padding, marginal, weight, bias, x, known in groups:
            start, rows_of_head = bias.view_as(padding) + padding, weight.view(*padding.shape[:2], -1)
            logits = torch.baddbmm(start, rows_of_head, x.transpose(1, 2))  # (fields, tokens, rows)
            drawn_back = (logits if share == 1 else torch.lerp(marginal, logits, share) for share in fractions)
            losses.append(torch.stack([F.cross_entropy(p, known, reduction="none").mean(dim=1) for p in drawn_back]))
        return F.pad(torch.cat(losses, dim=1)[:, self._inverse], (self.config.given, 0))
