"""``nano`` as a synthesizer: a small language model, trained from scratch on one table."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from tabular.conditions import parse_where
from tabular.devices import prepare_processor
from tabular.errors import UsageError
from tabular.imputing import fill_in
from tabular.making import make_parts, one_step
from tabular.notebook import default_reporter
from tabular.parts import parts_of
from tabular.progress import Reporter
from tabular.refining import Margins, refiner_for
from tabular.schema import Schema
from tabular.schema_fit import schema_and_arrays
from tabular.search_space import Choice, Real, SearchSpace, Whole
from tabular.settings_record import from_settings
from tabular.synthesizer import Synthesizer, Where

from ..codec.rows import RowCodec
from ..codec.table import DEFAULT_BINS
from ..parallel.joining import current_group
from .backend import choose_backend, make_engine
from .config import NanoConfig, initial_weights
from .engine import NanoEngine
from .orders import order_with_first
from .orthogonal import pays_for
from .rank_kernel import Kernels, rank_kernels
from .relations import CHECKED_ROWS, lost_relations, sentence, unordered
from .run_files import Run, read_run, write_run
from .sampler import MAX_CONDITIONED, Sampler
from .trainer import Plan, Trained, plan_training, train

if TYPE_CHECKING:
    from typing_extensions import Self

    from tabular.dp.session import PrivateFit
    from tabular.dp.settings import Privacy

__all__ = ["TableLM"]

#: Rows sampled together: enough to share most prefixes, few enough to stay far below a laptop's memory.
PART_ROWS = 1 << 17


class TableLM(Synthesizer):
    """A GPT-2-architecture decoder of under two million parameters on a vocabulary made from the table.

    Args:
        engine: ``"auto"``, ``"mlx"`` or ``"torch"``; see :func:`.backend.choose_backend`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"`` or ``"gpu"``.
        epochs: passes over the rows, at most; chosen from the size of the table if absent.
        steps: updates, in place of ``epochs``.
        batch_size: rows per update.
        learning_rate: the top of the schedule.
        seed: fixes the fit, and the samples where no other seed is given.
        rare_below: fold categories of fewer rows than this.
        bins: quantile bins of a numeric column with many values.
        layers, width, heads: the shape of the model.
        privacy: the differential privacy of the fit, for which torch computes.

    Raises:
        UsageError: for a setting that is out of range.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "clicked": [0, 1] * 50})
        >>> TableLM(steps=5).fit(table).sample(3, where={"clicked": 1})["clicked"].tolist()
        [1, 1, 1]
    """

    name: ClassVar[str] = "nano"
    refines: ClassVar[bool] = True
    # Noise grows with the number of weights, so the model is small: at epsilon 3 on Adult twice the width took twice
    # the time for an AUC of 0.890 in place of 0.884.
    private_defaults: ClassVar[Mapping[str, Any]] = {
        "steps": 250, "batch_size": 2048, "learning_rate": 5e-3, "layers": 1, "width": 32,
    }  # fmt: skip

    def __init__(
        self,
        *,
        engine: str = "auto",
        device: str = "auto",
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 2e-3,
        seed: int = 0,
        rare_below: int = 0,
        bins: int = DEFAULT_BINS,
        layers: int = 2,
        width: int = 128,
        heads: int = 4,
        privacy: Privacy | None = None,
    ) -> None:
        positive = {"epochs": epochs, "steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
        for label, value in {**positive, "bins": bins, "layers": layers, "width": width, "heads": heads}.items():
            if value is not None and not value > 0:  # this way round, so that NaN is refused too
                raise UsageError(f"{label} must be above 0, not {value}.")
        if width % heads:
            raise UsageError(f"width ({width}) must be a multiple of heads ({heads}).")
        _checked(seed)
        if privacy is not None and engine == "mlx":
            raise UsageError(
                "Differential privacy needs the gradient of every single row, which nano has with torch alone: fit "
                "with --engine torch; the run can be sampled with mlx as well."
            )
        self.engine_name, self.device = choose_backend("torch" if privacy is not None else engine, device)
        self.privacy = privacy
        self.epochs, self.steps, self.batch_size, self.learning_rate = epochs, steps, batch_size, learning_rate
        self.seed, self.rare_below, self.bins = seed, rare_below, bins
        self.layers, self.width, self.heads = layers, width, heads
        self.history: list[dict[str, float]] = []
        self.facts: dict[str, Any] = {}
        self._codec: RowCodec | None = None
        self._engine: NanoEngine | None = None
        # The checkpoint of a private fit, which holds its secret until the run stands.
        self._unsaved: str | Path | None = None

    # -- learning ---------------------------------------------------------------------------------------------
    def fit(
        self,
        table: pd.DataFrame,
        *,
        schema: Schema | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        progress = default_reporter(progress)
        if (self.engine_name, self.device) == ("torch", "cpu"):
            prepare_processor(progress)
        started = time.perf_counter()
        table = self._taken(table)
        if self.privacy is not None:
            self.privacy.check_public(schema, table.columns)
        self.schema, arrays = schema_and_arrays(
            table, schema, rare_below=self.rare_below, progress=progress, private=self.privacy is not None
        )
        self.schema = self._labelled(self.schema, len(table))
        plan = self._plan(len(table), one_step(parts_of(self.schema).filler is None, progress))
        private, learned = None, arrays
        if self.privacy is not None:
            private = self._begin_private_fit(self.privacy, arrays, plan, checkpoint)
            self.schema, arrays, learned = private.schema, private.arrays, private.stand_in
        codec = self._fit_codec(learned)
        tokens = codec.encode(arrays, by_row=private is not None)
        seen = tokens if private is None else codec.encode(learned)
        config = NanoConfig(tuple(codec.table.sizes), self.width, self.layers, self.heads)
        weights = initial_weights(config, codec.table.log_frequencies(seen), seed=self.seed)
        kernels = rank_kernels(config.offsets, codec.table.ranks(seen), codec.table.atom_counts(seen))
        engine = make_engine(self.engine_name, self.device, config, weights)
        groups = codec.table.groups
        if private is None:
            trained = train(
                engine, tokens, groups, plan, progress=progress, checkpoint=checkpoint, settings=self.settings(),
                kernels=kernels, orthogonal=pays_for(len(tokens), len(config.sizes), len(kernels)),
                group=current_group(),
            )  # fmt: skip
        else:
            trained = self._train_privately(engine, tokens, groups, plan, kernels, private, progress, checkpoint)
        self._codec = codec
        if private is None:
            self._margins = Margins.fit({name: arrays[name] for name in codec.learned}, self.schema)
        self._engine = make_engine(self.engine_name, self.device, config, trained.weights)
        self.history = trained.history
        last = trained.history[-1]
        told: dict[str, Any] = {}
        if private is None:
            told = {
                "stopped_early": trained.stopped_early,
                "train_loss": last["train_loss"],
                "held_out_loss": min(look["held_out_loss"] for look in trained.history),
                "lost_relations": self._lost_relations(tokens, progress),
            }
        if trained.people is not None:
            named = codec.parts.columns(codec.table.fields[place].column for place in trained.people.columns)
            told |= {"people": trained.people.count, "people_columns": named}
        self.facts = {
            "engine": self.engine_name,
            "device": self.device,
            "parameters": int(sum(value.size for value in trained.weights.values())),
            "tokens_per_row": len(config.sizes),
            "vocabulary": config.vocabulary,
            "steps": int(last["step"]),
            "epochs": last["epoch"],
            **told,
            "batch_size": plan.batch_rows,
            "learning_rate": plan.learning_rate,
            "seed": self.seed,
            "fit_seconds": round(time.perf_counter() - started, 2),
        }
        if private is not None:
            self.facts["privacy"] = private.facts(int(last["step"]))
            self._unsaved = checkpoint
        return self

    def _fit_codec(self, arrays: Mapping[str, np.ndarray]) -> RowCodec:
        """The vocabulary of canonical arrays of the table."""
        return RowCodec.fit(arrays, self.schema, bins=self.bins)

    def _lost_relations(self, tokens: np.ndarray, progress: Reporter) -> list[dict[str, Any]]:
        """Compare pairs of columns between the training rows and rows of the model; a note says what got lost."""
        codec, engine = self._fitted()
        rng = np.random.default_rng([self.seed, 4])
        real = tokens[rng.permutation(len(tokens))[:CHECKED_ROWS]]
        made = Sampler(engine, codec.table.parents).sample(CHECKED_ROWS, range(len(codec.table.fields)), rng)
        lost = unordered(lost_relations(codec.table, real, made), self.schema, codec.parts.whole)
        if lost:
            progress.note(sentence(lost))
        return lost

    def _plan(self, rows: int, steps: int | None = None) -> Plan:
        options: dict[str, Any] = {
            "epochs": self.epochs,
            "steps": steps or self.steps,
            "batch_rows": self.batch_size,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }
        if self.privacy is None:
            return plan_training(rows, **options)
        from .private_trainer import plan_private_training

        return plan_private_training(rows, **options)

    def planned_epochs(self, rows: int) -> float:
        return self._plan(rows).epochs(rows)

    @classmethod
    def search_space(cls) -> SearchSpace:
        return SearchSpace(
            {
                "batch_size": Choice((None, 64, 256)),
                "learning_rate": Real(5e-4, 8e-3, log=True),
                "bins": Whole(32, 256, log=True),
                "layers": Whole(1, 4),
                "width": Choice((64, 128, 192)),
                "heads": Choice((2, 4, 8)),
            },
            share=0.5,
        )

    def _begin_private_fit(
        self, privacy: Privacy, arrays: Mapping[str, np.ndarray], plan: Plan, checkpoint: str | Path | None
    ) -> PrivateFit:
        from tabular.dp.session import begin_private_fit

        settings = {**self.settings(), "model": self.name, "plan": asdict(plan), "device": self.device}
        return begin_private_fit(
            privacy, arrays, self.schema, steps=plan.steps, batch_rows=plan.batch_rows, settings=settings,
            checkpoint=checkpoint,
        )  # fmt: skip

    def _train_privately(
        self,
        engine: NanoEngine,
        tokens: np.ndarray,
        groups: np.ndarray,
        plan: Plan,
        kernels: Kernels,
        private: PrivateFit,
        progress: Reporter,
        checkpoint: str | Path | None,
    ) -> Trained:
        from .private_trainer import train_privately
        from .torch_engine import TorchEngine

        assert isinstance(engine, TorchEngine)
        return train_privately(engine, tokens, groups, plan, kernels, private, progress=progress, checkpoint=checkpoint)

    # -- making rows ------------------------------------------------------------------------------------------
    def sample_batches(
        self,
        n: int,
        *,
        where: Where = None,
        seed: int | None = None,
        progress: Reporter | None = None,
        done: int = 0,
        refine: bool | None = None,
    ) -> Iterator[pd.DataFrame]:
        codec, engine = self._fitted()
        allowed = parse_where(where, self.schema)
        weights = codec.token_weights(allowed)
        order, conditioned = _order_for(list(weights), codec.table.sizes)
        sampler = Sampler(engine, codec.table.parents)
        seed = self.seed if seed is None else _checked(seed)
        yield from make_parts(
            n,
            self.schema,
            part_rows=PART_ROWS,
            done=done,
            seed=seed,
            progress=default_reporter(progress),
            draw=lambda rows, rng, advance: sampler.sample(
                rows, order, rng, weights=weights, conditioned=conditioned, advance=advance
            ),
            values=partial(codec.values, allowed=allowed),
            fill=lambda arrays, rows, rng, start: codec.fill(arrays, rows, rng, start=start, seed=seed),
            allowed=allowed,
            refiner=refiner_for(self._margins, self.schema, refine, self.refines, n, allowed),
        )

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        codec, engine = self._fitted()
        names = list(codec.table.codecs)
        sampler = Sampler(engine, codec.table.parents)
        seed = self.seed if seed is None else _checked(seed)
        return fill_in(
            table,
            self.schema,
            names,
            parts=codec.parts,
            seed=seed,
            progress=default_reporter(progress),
            encode=codec.encode,
            complete=lambda tokens, missing, rng: self._complete_pattern(
                sampler, codec, tokens, [names[column] for column in missing], rng
            ),
            values=partial(codec.values, allowed={}),
            fill=lambda arrays, rng: codec.fill(arrays, len(table), rng, start=0, seed=seed, present=True),
        )

    def _complete_pattern(
        self, sampler: Sampler, codec: RowCodec, tokens: np.ndarray, missing: list[str], rng: np.random.Generator
    ) -> np.ndarray:
        table = codec.table
        given = [place for place, field in enumerate(table.fields) if field.column not in missing]
        order = order_with_first(given, len(table.fields))
        weights = {field: weight for name in missing for field, weight in codec.present_weights(name).items()}
        if not given:
            return sampler.sample(len(tokens), order, rng, weights=weights)
        return sampler.complete(tokens[:, given], order, rng, weights=weights)

    def _fitted(self) -> tuple[RowCodec, NanoEngine]:
        if self._codec is None or self._engine is None:
            raise UsageError("This model has learned no table yet; call fit() first.")
        return self._codec, self._engine

    # -- keeping ----------------------------------------------------------------------------------------------
    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **self.facts, "history": self.history}

    def save(self, directory: str | Path) -> None:
        codec, engine = self._fitted()
        weights = engine.numpy_weights()
        settings = self.settings()
        facts, history = self.facts, self.history
        write_run(
            directory,
            Run(self.name, self.schema, codec, engine.config, weights, settings, facts, history, self._margins),
        )
        if self._unsaved is not None:
            from tabular.dp.session import forget_secret

            forget_secret(self._unsaved)

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        run = read_run(directory)
        model = from_settings(cls, run.settings, {"device": device}, directory)
        model.schema, model.facts, model.history, model._codec = run.schema, run.facts, run.history, run.codec
        model._margins = run.margins
        model._engine = make_engine(model.engine_name, model.device, run.config, run.weights)
        return model


def _order_for(conditions: list[int], sizes: list[int]) -> tuple[list[int], int]:
    """The order to draw the fields in, and how many of its first ones are to be drawn given the conditions.

    Field order is learned best, above all where a condition is rare. So it is kept where all prefixes up to
    the last condition can be enumerated, as they can for a label of two classes; else conditions go first.
    """
    last = max(conditions, default=-1) + 1
    if math.prod(sizes[:last]) <= MAX_CONDITIONED:
        return list(range(len(sizes))), last
    return order_with_first(conditions, len(sizes)), len(conditions)


def _checked(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed must be 0 or above, not {seed}.")
    return seed
