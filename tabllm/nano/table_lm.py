"""``nano`` as a synthesizer: a small language model, trained from scratch on one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from typing_extensions import Self

from tabular.dp.settings import Privacy
from tabular.errors import UsageError, not_fitted
from tabular.machine.devices import prepare_processor
from tabular.machine.memory import give_back_freed_memory
from tabular.parts import parts_of
from tabular.personal.people import People
from tabular.preparing.training_rows import training_rows
from tabular.progress import Reporter
from tabular.refining import refiner_for
from tabular.runs import restored
from tabular.sampling.batches import make_parts, one_step
from tabular.sampling.imputing import fill_in, filled_cells
from tabular.schema import Schema
from tabular.settings import setting
from tabular.synthesizer import Synthesizer

from ..codec.rows import RowCodec
from ..decoding.backend import choose_backend
from ..parallel.joining import current_group
from .column_trees import ColumnTrees, fit_column_trees
from .conditioning import sample_conditioned
from .config import NanoConfig, initial_weights
from .engines.base import NanoEngine
from .engines.making import make_engine
from .engines.orthogonal import pays_for
from .engines.rank_kernel import rank_kernels
from .imputation import complete_pattern
from .relations import CHECKED_ROWS, lost_relations, rows_to_check, sentence, unordered
from .run_files import Run, read_run, write_run
from .sampler import Sampler
from .scorer import NanoScorer
from .settings import NanoSettings
from .trainer import Plan, Trained, plan_training, train

if TYPE_CHECKING:
    from tabular.dp.session import PrivateFit
    from tabular.where.conditions import Allowed

    from ..streams.shards import TokenRows

__all__ = ["TableLM"]

#: Rows sampled together: enough to share most prefixes, few enough to stay far below a laptop's memory.
PART_ROWS = 1 << 17


class TableLM(NanoSettings, Synthesizer):
    """A GPT-2-architecture decoder of under two million parameters on a vocabulary made from the table.

    Its settings are listed where they are declared, in :class:`.settings.NanoSettings`.

    Raises:
        UsageError: for a setting that is out of range.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "clicked": [0, 1] * 50})
        >>> TableLM(steps=5).fit(table).sample(3, where={"clicked": 1})["clicked"].tolist()
        [1, 1, 1]
    """

    name: ClassVar[str] = "nano"
    spread_engines: ClassVar[tuple[str, ...]] = ("torch", "mlx")
    refines: ClassVar[bool] = True
    # Noise grows with the number of weights, so the model is small: at epsilon 3 on Adult twice the width took twice
    # the time for an AUC of 0.890 in place of 0.884.
    private_defaults: ClassVar[Mapping[str, Any]] = {
        "steps": 250,
        "batch_size": 2048,
        "learning_rate": 5e-3,
        "layers": 1,
        "width": 32,
    }

    search_share: ClassVar[float] = 0.5
    _part_rows: ClassVar[int] = PART_ROWS

    privacy: Privacy | None = setting(None, "Differential privacy of the fit, for which torch computes.")

    #: Rows that are not held, in place of those that :meth:`fit` is given; these are a sample of them.
    rows_on_disk: TokenRows | None = None
    #: int64[rows] from 0, whose row each is that :meth:`fit` is given, where that is known.
    owners: np.ndarray | None = None
    _codec: RowCodec | None = None
    _engine: NanoEngine | None = None
    _trees: ColumnTrees | None = None

    def _check_together(self) -> None:
        if self.width % self.heads:
            raise UsageError(f"width ({self.width}) must be a multiple of heads ({self.heads}).")
        if self.privacy is not None and self.engine == "mlx":
            raise UsageError(
                "Differential privacy needs the gradient of every single row, which nano has with torch alone: fit "
                "with --engine torch; the run can be sampled with mlx as well."
            )

    # -- learning ---------------------------------------------------------------------------------------------
    def _place(self, progress: Reporter | None = None) -> None:
        self.engine_, self.device_ = choose_backend("torch" if self.privacy is not None else self.engine, self.device)
        if (self.engine_, self.device_) == ("torch", "cpu"):
            prepare_processor(progress)

    def _learn(
        self, arrays: dict[str, np.ndarray], rows: int, progress: Reporter, checkpoint: str | Path | None
    ) -> dict[str, Any]:
        on_disk = self.rows_on_disk
        rows = rows if on_disk is None else on_disk.rows
        plan = self._plan(rows, one_step(parts_of(self.schema).filler is None, progress))
        given = training_rows(
            self.privacy,
            arrays,
            self.schema,
            steps=plan.steps,
            batch_rows=plan.batch_rows,
            checkpoint=checkpoint,
            settings={**self.settings(), "model": self.name, "plan": asdict(plan), "device": self.device_},
        )
        self.schema_ = given.schema
        codec = self._fit_codec(given.open if on_disk is None else on_disk.with_missing(given.open))
        if on_disk is None:
            tokens = codec.encode(given.arrays, by_row=given.by_row)
        else:
            tokens = on_disk.tokens(codec, plan.steps * plan.batch_rows)
        seen = given.open_part(tokens, codec.encode)
        config = NanoConfig(tuple(codec.table.sizes), self.width, self.layers, self.heads, self._given_fields(codec))
        weights = initial_weights(config, codec.table.log_frequencies(seen), seed=self.seed)
        kernels = rank_kernels(config.offsets, codec.table.ranks(seen), codec.table.atom_counts(seen))
        engine = make_engine(self.engine_, self.device_, config, weights)
        groups = codec.table.groups

        def plainly() -> Trained:
            return train(
                engine,
                tokens,
                groups,
                plan,
                progress=progress,
                checkpoint=checkpoint,
                settings=self.settings(),
                kernels=kernels,
                orthogonal=pays_for(len(tokens), len(config.sizes), len(kernels)),
                group=current_group(),
                owners=self.owners,
            )

        def privately(private: PrivateFit) -> Trained:
            from .engines.torch_engine import TorchEngine
            from .private_trainer import train_privately

            assert isinstance(engine, TorchEngine)
            return train_privately(
                engine, tokens, groups, plan, kernels, private, progress=progress, checkpoint=checkpoint
            )

        trained = given.choose(plainly, privately)
        self._codec, self._margins = codec, given.margins(codec.learned)
        self._engine = make_engine(self.engine_, self.device_, config, trained.weights)
        self._trees = given.choose(lambda: self._column_trees(tokens, trained.people), lambda _: None)
        self.history_ = trained.history
        last = trained.history[-1]
        self._unsaved = given.checkpoint
        reported: dict[str, Any] = given.choose(
            lambda: {
                "stopped_early": trained.stopped_early,
                "train_loss": last["train_loss"],
                "held_out_loss": min(entry["held_out_loss"] for entry in trained.history),
                "lost_relations": self._lost_relations(tokens, progress),
            },
            lambda _: given.facts(trained.steps),
        )
        if self._trees is not None:
            reported["drawn_by_trees"] = codec.parts.columns(self._trees.columns)
        if trained.people is not None:
            named = codec.parts.columns(codec.table.fields[position].column for position in trained.people.columns)
            reported |= {"people": trained.people.count, "people_columns": named}
        return {
            "engine": self.engine_,
            "device": self.device_,
            "parameters": int(sum(value.size for value in trained.weights.values())),
            "tokens_per_row": len(config.sizes),
            "vocabulary": config.vocabulary,
            "steps": trained.steps,
            "epochs": last["epoch"],
            "restarts": trained.restarts,
            **reported,
            "batch_size": plan.batch_rows,
            "learning_rate": plan.learning_rate,
            "seed": self.seed,
        }

    def _given_fields(self, codec: RowCodec) -> int:
        """How many of the first fields are never drawn, so that no loss of theirs is trained."""
        return 0

    def _fit_codec(self, arrays: Mapping[str, np.ndarray]) -> RowCodec:
        """The vocabulary of canonical arrays of the table."""
        return RowCodec.fit(arrays, self.schema, bins=self.bins)

    def _column_trees(self, tokens: np.ndarray, people: People | None) -> ColumnTrees | None:
        codec, engine = self._fitted()
        return fit_column_trees(NanoScorer(codec, engine), codec.table, tokens, people, self.seed)

    def _lost_relations(self, tokens: np.ndarray, progress: Reporter) -> list[dict[str, Any]]:
        """Compare pairs of columns between the training rows and rows of the model; a note says what got lost."""
        codec, engine = self._fitted()
        rng = np.random.default_rng([self.seed, 4])
        real = tokens[rng.permutation(len(tokens))[:CHECKED_ROWS]].astype(np.int32)
        lost = lost_relations(codec.table, real, rows_to_check(engine, codec.table, rng))
        lost = unordered(lost, self.schema, codec.parts.whole)
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
            columns = len(parts_of(self.schema).schema) if hasattr(self, "schema_") else 1
            return plan_training(rows, columns=columns, **options)
        from .private_trainer import plan_private_training

        return plan_private_training(rows, **options)

    def planned_epochs(self, rows: int) -> float:
        return self._plan(rows).epochs(rows)

    # -- making rows ------------------------------------------------------------------------------------------
    def _batches(
        self, n: int, allowed: Mapping[str, Allowed], *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        codec, engine = self._fitted()
        weights = codec.token_weights(allowed)
        sampler, scorer = Sampler(engine, codec.table.parents), NanoScorer(codec, engine)
        return make_parts(
            n,
            codec,
            part_rows=self._part_rows,
            done=done,
            seed=seed,
            progress=progress,
            draw=lambda rows, rng, advance: self._drawn_by_trees(
                sample_conditioned(sampler, scorer, rows, codec.table.sizes, weights, rng, advance), rng, known=weights
            ),
            allowed=allowed,
            refiner=refiner_for(self._margins, self.schema, refine, self.refines, n, allowed),
        )

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        codec, _ = self._fitted()
        completed = fill_in(
            table,
            codec,
            seed=self._seed_of(seed),
            progress=self._reporter(progress),
            complete=self._complete_pattern,
        )
        give_back_freed_memory(len(table))
        return completed

    def complete_arrays(
        self, arrays: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], *, seed: int
    ) -> dict[str, np.ndarray]:
        """As :meth:`complete`, of canonical arrays: those of all columns.

        Args:
            holes: bool[rows] per column, the cells to fill in.
        """
        codec, _ = self._fitted()
        return filled_cells(arrays, holes, codec, seed=seed, progress=Reporter(), complete=self._complete_pattern)

    def _complete_pattern(self, tokens: np.ndarray, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows that all lack ``parts``, completed: see :data:`tabular.sampling.imputing.Complete`."""
        codec, engine = self._fitted()
        missing = [codec.names[part] for part in parts]
        known = [place for place, field in enumerate(codec.table.fields) if field.column not in missing]
        weights = {field: weight for name in missing for field, weight in codec.present_weights(name).items()}
        sampler, scorer = Sampler(engine, codec.table.parents), NanoScorer(codec, engine)
        drawn = complete_pattern(sampler, scorer, tokens, known, weights, rng)
        return self._drawn_by_trees(drawn, rng, known=known, weights=weights)

    def _drawn_by_trees(self, tokens: np.ndarray, rng: np.random.Generator, **options: Any) -> np.ndarray:
        """The rows, with what trees know better drawn by them; see :meth:`.column_trees.ColumnTrees.drawn_anew`."""
        return tokens if self._trees is None else self._trees.drawn_anew(tokens, rng, **options)

    def _scorer(self) -> NanoScorer:
        return NanoScorer(*self._fitted(), trees=self._trees)

    def _fitted(self) -> tuple[RowCodec, NanoEngine]:
        if self._codec is None or self._engine is None:
            raise not_fitted()
        return self._codec, self._engine

    # -- keeping ----------------------------------------------------------------------------------------------
    def _write(self, schema: Schema, directory: str | Path) -> None:
        codec, engine = self._fitted()
        weights, settings = engine.numpy_weights(), self.settings()
        run = Run(
            self.name,
            schema,
            codec,
            engine.config,
            weights,
            settings,
            self.facts,
            self.history,
            self._margins,
            self._trees,
        )
        write_run(directory, run)

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        run = read_run(directory)
        model = restored(cls, run.settings, directory, device=device)
        # A private fit computes with torch, and its run can be sampled with anything.
        model.engine_, model.device_ = choose_backend("auto", device)
        model.schema_, model.facts_, model.history_, model._codec = run.schema, run.facts, run.history, run.codec
        model._margins, model._trees = run.margins, run.trees
        model._engine = make_engine(model.engine_, model.device_, run.config, run.weights)
        return model
