"""CTGAN: a conditional generative adversarial network for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, get_args

import torch
from torch import Tensor

from ..errors import TableError, UsageError
from ..schema import Schema
from ..search_space import Choice, Real, Whole
from ..settings import setting
from ..training.learner import Learner
from .base import WIDTHS, NeuralSynthesizer
from .batch_parts import Part
from .encoding.encoder import TableEncoder
from .encoding.fields import Numbers
from .encoding.spans import Spans
from .layers.by_hand import tracked, works_on
from .network import Data, Network
from .networks.critic import Critic, CriticPass
from .networks.generator import MOMENTUM, Generator, GeneratorPass
from .updates.learner import AdamLearner
from .updates.optimizer import Adam
from .updates.rows import ConditionalRows, shuffled_rows

__all__ = ["CTGAN"]

#: Weights of conditions in the generator's last layer at most; wider tables have none there. Of 1,000 columns they
#: were 368 million, and took 10 GB of a fit.
MOST_TO_OUTPUTS = 1 << 25

#: Where step sizes are searched.
RATES = Real(1e-4, 1e-3, log=True)


class CTGAN(NeuralSynthesizer):
    """Xu, Skoularidou, Cuesta-Infante and Veeramachaneni 2019, "Modeling Tabular Data using Conditional GAN".

    The settings are the paper's but for ``pac``, 1 in place of 10: after 100 epochs of Online Shoppers a model that
    learned from the rows had an AUC of 0.86 in place of 0.71. Every second row has a say in the gradient penalty: that
    saves a tenth of the time, and two seeds of that table were as good. What else differs, each for a better table: a
    column's spikes (a value with 5 % of the cells) and numbers of at most 20 values are classes of their own;
    conditions are drawn by their true frequency when rows are made; and each column's own distribution is set right
    after training (:mod:`.encoding.calibration`; ``calibrate=False`` leaves it as it is).

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> CTGAN(steps=2, batch_size=20).fit(table).sample(3, where="device=ios")["device"].tolist()
        ['ios', 'ios', 'ios']
    """

    name: ClassVar[str] = "ctgan"
    search_share: ClassVar[float] = 0.1

    # No batch size is searched: at as many passes over the rows a smaller one is better by making more updates, which
    # --epochs does as well, and takes as much longer.
    epochs: float | None = setting(300, "Passes over the rows.", above=0)
    batch_size: int = setting(500, "Batch size: rows per update, a multiple of pac.", above=0)
    embedding_dim: int = setting(128, "Numbers of noise that a row is made from.", above=0)
    generator_lr: float = setting(2e-4, "Step size of Adam, of the generator.", above=0, search=RATES)
    discriminator_lr: float = setting(2e-4, "Step size of Adam, of the discriminator.", above=0, search=RATES)
    discriminator_steps: int = setting(
        1, "Updates of the discriminator for each one of the generator.", above=0, search=Whole(1, 2)
    )
    generator_dim: Sequence[int] = setting((256, 256), "Widths of the generator's layers.", search=WIDTHS)
    discriminator_dim: Sequence[int] = setting((256, 256), "Widths of the discriminator's layers.", search=WIDTHS)
    pac: int = setting(
        1,
        "Rows that the discriminator sees as one (PacGAN, Lin et al. 2018); the paper has 10.",
        above=0,
        most=10_000,
        search=Choice((1, 2, 5)),
    )
    numbers: Numbers = setting(
        "modes",
        "How numbers are encoded: modes (mode-specific normalisation) or quantiles (normal scores).",
        choices=get_args(Numbers),
        search=Choice(("modes", "quantiles")),
    )
    log_frequency: bool = setting(
        True, "Draw conditions in training by the logarithm of their frequency.", search=Choice((True, False))
    )
    generator_decay: float = setting(1e-6, "Weight decay of Adam, of the generator.", least=0)
    discriminator_decay: float = setting(1e-6, "Weight decay of Adam, of the discriminator.", least=0)
    calibrate: bool = setting(True, "Set each column's own distribution right.")
    learning_rate: float | None = setting(None, "Step size of both, in place of their own.", above=0)

    #: Whether conditions have weights in the generator's last layer; by the width of the table if absent.
    _to_outputs: bool | None = None

    def _check_together(self) -> None:
        if self.batch_size % self.pac:
            raise UsageError(f"batch_size ({self.batch_size}) must be a multiple of pac ({self.pac}).")

    def _prepare(self, schema: Schema, rows: int) -> None:
        self._to_outputs = None
        if rows < self.pac:
            raise TableError(f"The table has {rows} rows, and ctgan looks at {self.pac} at once; take a smaller pac.")

    def _rate(self) -> float:
        return self.generator_lr if self.learning_rate is None else self.learning_rate

    def _batch_rows(self, rows: int) -> int:
        return min(self.batch_size, rows - rows % self.pac)

    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        to_outputs = self._to_outputs
        if to_outputs is None:
            to_outputs = spans.width * (spans.width + encoder.scalars) <= MOST_TO_OUTPUTS
        return Generator(
            encoder,
            spans,
            encoder.category_spans(),
            self.embedding_dim,
            tuple(self.generator_dim),
            to_outputs=to_outputs,
        )

    def _loaded_network(self, encoder: TableEncoder, weights: Mapping[str, Tensor]) -> Network:
        # Runs of before have these weights at any width.
        self._to_outputs = f"asked.{len(self.generator_dim)}" in weights
        return super()._loaded_network(encoder, weights)

    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        assert isinstance(network, Generator)
        return CtganLearner(self, network, spans, data)


class CtganLearner(AdamLearner):
    """One update of the critic(s), then one of the generator."""

    #: Each micro-batch is normalised by its own mean and variance, of which fewer rows say little.
    least_rows: ClassVar[int] = 16

    def __init__(self, model: CTGAN, network: Generator, spans: Spans, data: Data) -> None:
        self.network, self.spans, self.data = network, spans, data
        self.critic_steps = model.discriminator_steps
        self.condition_sampler = None
        if network.guided:
            self.condition_sampler = ConditionalRows(data, spans, network.guided, log_frequency=model.log_frequency)
            network.shares.copy_(self.condition_sampler.shares)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model.seed + 1)
            widths = tuple(model.discriminator_dim)
            self.critic = Critic(
                network.scalars, spans, conditions=bool(self.condition_sampler), pac=model.pac, widths=widths
            ).to(spans.device)
        betas = (0.5, 0.9)
        generator_adam = Adam(network, rate=model._rate(), betas=betas, weight_decay=model.generator_decay)
        rate = model.discriminator_lr if model.learning_rate is None else model.learning_rate
        self.critic_adam = Adam(self.critic, rate=rate, betas=betas, weight_decay=model.discriminator_decay)
        batch = model._batch_rows(len(data.codes))
        self.by_hand = works_on(spans.device)
        super().__init__(
            generator_adam,
            spans.device,
            {"critic/": self.critic_adam},
            batch=batch,
            pac=model.pac,
            # Autograd would have to go through the sums over processes that batch normalisation makes.
            in_parts=self.by_hand,
        )
        self.generator_pass = GeneratorPass(network, generator_adam.of, self.generator, self.processes)
        of = self.critic_adam.of if self.by_hand else tracked
        self.critic_pass = CriticPass(self.critic, of, self.generator)

    def _chosen(self) -> tuple[Tensor | None, Tensor]:
        """Conditions int64[batch], where there are any, and rows int64[batch] that meet them."""
        if self.condition_sampler is not None:
            return self.condition_sampler.draw(self.batch, self.generator)
        return None, shuffled_rows(len(self.data.codes), self.batch, self.generator, self.spans.device)

    def _real(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Their continuous values and codes."""
        return self.data.scalars.index_select(0, rows), self.data.codes.index_select(0, rows)

    def step(self, number: int) -> Tensor | None:
        if not self.by_hand:
            return self._step_by_autograd()
        for _ in range(self.critic_steps):
            condition, rows = self._chosen()
            state = self.generator.get_state() if self.pieces > 1 else None
            self.differentiate_in_parts(self.critic_adam, partial(self._differentiate_critic, condition, rows))
            self.critic_adam.update()
        loss = self.differentiate_in_parts(self.adam, partial(self._differentiate_generator, condition, state))
        self.adam.update()
        return loss

    def _differentiate_critic(self, condition: Tensor | None, rows: Tensor, part: Part) -> Tensor:
        condition = None if condition is None else part.of(condition)
        # After all micro-batches the running statistics have moved as far as after one batch.
        momentum = MOMENTUM if self.pieces == 1 else 1 - (1 - MOMENTUM) ** (1 / self.pieces)
        self.fake = self.generator_pass.forward(part.size, condition, momentum)
        return self.critic_pass.learn(self._real(part.of(rows)), self.fake, condition)

    def _differentiate_generator(self, condition: Tensor | None, state: Tensor | None, part: Part) -> Tensor:
        """The generator learns from the rows that the critic saw last, so they are made once; only of micro-batches
        they are made again, by the draws after ``state``, since all of them would be too many to keep."""
        condition = None if condition is None else part.of(condition)
        if state is not None:
            now = self.generator.get_state()
            self.generator.set_state(state)
            self.fake = self.generator_pass.forward(part.size, condition, momentum=0.0)
            self.generator.set_state(now)
        loss, *grads = self.critic_pass.generator_loss_and_grads(self.fake, condition)
        return loss + self.generator_pass.backward(*grads)

    def _step_by_autograd(self) -> Tensor:
        for _ in range(self.critic_steps):
            condition, rows = self._chosen()
            real = self._real(rows)
            scalars, soft, loss = self.network.training_rows(self.batch, condition, self.generator)
            fake = scalars.detach(), soft.detach()
            self.critic_adam.step(self.critic_pass.loss(real, fake, condition))
        loss += self.critic_pass.generator_loss((scalars, soft), condition)
        self.adam.step(loss)
        return loss.detach()
