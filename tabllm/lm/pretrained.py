"""A pretrained causal language model, fine-tuned on rows, as a synthesizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from typing_extensions import Self

from tabular.errors import not_fitted
from tabular.progress import Reporter
from tabular.refining import Margins, refiner_for
from tabular.runs import restored
from tabular.sampling.batches import make_parts, one_step
from tabular.sampling.imputing import fill_in
from tabular.schema import Schema
from tabular.settings import known_setting
from tabular.synthesizer import Synthesizer

from ..hub.folder import ModelFolder, resolve
from ..parallel.joining import current_group, first_on_each_machine, processes_here
from .bases import describe_base, public_name
from .engines.base import Filter, LmEngine
from .engines.loading import choose_engine, make_lm, placed
from .engines.memory import check, training_memory
from .engines.tuning import Tuning, check_full, choose_tuning, tuning_facts
from .restoring import engine_of, folder_of
from .run_files import LmRun, read_lm_run, write_lm_run
from .sampling.imputation import complete_pattern
from .sampling.sampler import LmSampler
from .sampling.scorer import LmScorer
from .serialization.base import LmCodec
from .serialization.column_order import order_for
from .serialization.fitting import encoded
from .serialization.table import TokenCodec
from .serialization.tokenizer import TextTokenizer
from .settings import PretrainedSettings
from .training.trainer import Plan, plan_training, train
from .vocabulary import use_vocabulary

if TYPE_CHECKING:
    from tabular.where.conditions import Allowed

__all__ = ["PretrainedLM"]

#: Rows sampled together with a model of up to :data:`SMALL` parameters, and the fewest with a larger one: enough to
#: share most beginnings, few enough that a killed run loses a minute or two. (10,000 at once: 5 % faster.)
PART_ROWS, FEWEST_ROWS = 4096, 256
SMALL = 150_000_000
_RATES = {"full": 2e-4, "lora": 1e-3, "dora": 1e-3}


class PretrainedLM(PretrainedSettings, Synthesizer):
    """GPT-2, DeepSeek-coder or another causal language model, fine-tuned on row-serialized tables.

    Its settings are listed where they are declared, in :class:`.settings.PretrainedSettings`.

    Raises:
        UsageError: for a setting that is out of range.
        EngineError: for a precision or device that this machine does not have.

    Example:
        >>> model = PretrainedLM(base="distilgpt2", steps=2)
        >>> model
        PretrainedLM(steps=2, base='distilgpt2')
        >>> model.fit(table).sample(100, where="device=ios")  # doctest: +SKIP
    """

    name: ClassVar[str] = "lm"
    spread_engines: ClassVar[tuple[str, ...]] = ("torch", "mlx")

    search_share: ClassVar[float] = 0.25

    _codec: LmCodec | None = None
    _engine: LmEngine | None = None
    _make_engine: Callable[[], LmEngine] | None = None
    _trained: Mapping[str, np.ndarray] = MappingProxyType({})
    _find_folder: Callable[[], ModelFolder] | None = None

    @property
    def filter(self) -> Filter:
        """How the model's distribution is sharpened in sampling."""
        return Filter(self.temperature, self.top_k, self.top_p)

    def _check_together(self) -> None:
        check_full(self.tuning, self.precision)

    # -- learning ---------------------------------------------------------------------------------------------
    def _place(self, progress: Reporter | None = None) -> None:
        self.engine_, self.device_ = choose_engine(self.engine, self.device, self.precision)

    def _learn(
        self, arrays: dict[str, np.ndarray], rows: int, progress: Reporter, checkpoint: str | Path | None
    ) -> dict[str, Any]:
        group = current_group()
        folder = first_on_each_machine(partial(resolve, self.base, revision=self.revision, progress=progress))
        facts, precision, self.engine_, self.device_ = placed(
            folder, self.engine, self.device, self.precision, progress
        )
        requested = Tuning(
            self.tuning, self.rank, self.lora_scale, self.seed, self.checkpointing, self.lora_dropout, self.lora_layers
        )
        tuning = choose_tuning(requested, precision, facts.layers, folder.name)
        tokenizer = TextTokenizer.load(folder.path)
        codec, choices, lengths = encoded(arrays, self.schema, facts, tokenizer, self.settings(), progress)
        nothing = one_step(bool(codec.learned), progress)
        plan = self._plan(len(choices), self.learning_rate or _RATES[tuning.method], nothing)
        estimate = training_memory(
            facts,
            precision=precision,
            tuning=tuning,
            rows=math.ceil(plan.batch_rows / (plan.pieces * (1 if group is None else group.size))),
            tokens=int(lengths.max()),
            used=len(codec.used),
            engine=self.engine_,
            device=self.device_,
            vocabulary=isinstance(codec, TokenCodec),
        )
        progress.note(estimate.sentence())
        check(estimate, self.engine_, self.device_, processes_here())
        engine = make_lm(
            self.engine_,
            self.device_,
            folder.path,
            precision=precision,
            random=self.seed if self.random_weights else None,
        )
        if isinstance(codec, TokenCodec):
            use_vocabulary(engine, codec, choices, tokenizer)
        trained = train(
            engine,
            codec,
            choices,
            plan,
            tuning,
            progress=progress,
            checkpoint=checkpoint,
            group=group,
            settings={
                **self.settings(),
                "fitted": [folder.name, folder.revision, precision, tuning.method, self.engine_],
            },
        )
        folder = replace(folder, name=public_name(folder))
        self._codec, self._engine, self._find_folder = codec, engine, lambda: folder
        self._trained, self.history_ = trained.weights, trained.history
        self._margins = Margins.fit({name: arrays[name] for name in codec.learned}, self.schema)
        last = trained.history[-1]
        return {
            "base": public_name(folder),
            "engine": self.engine_,
            "device": self.device_,
            "precision": precision,
            "packed": facts.bits is not None,
            **tuning_facts(tuning),
            "serialization": self.serialization,
            "parameters": engine.shape.parameters,
            "tokens_per_row": float(np.median(lengths)),
            "steps": int(last["step"]),
            "epochs": last["epoch"],
            "stopped_early": trained.stopped_early,
            "restarts": trained.restarts,
            "train_loss": last["train_loss"],
            "held_out_loss": min(look["held_out_loss"] for look in trained.history),
            "batch_size": plan.batch_rows,
            "learning_rate": plan.learning_rate,
            "seed": self.seed,
            "tokens_per_second": round(trained.tokens / max(last["seconds"], 1e-9), 1),
        }

    def _plan(self, rows: int, learning_rate: float, steps: int | None = None) -> Plan:
        return plan_training(
            rows,
            epochs=self.epochs,
            steps=steps or self.steps,
            batch_rows=self.batch_size,
            pieces=self.accumulate,
            learning_rate=learning_rate,
            seed=self.seed,
        )

    def planned_epochs(self, rows: int) -> float:
        return self._plan(rows, 0.0).epochs(rows)

    # -- making rows ------------------------------------------------------------------------------------------
    @property
    def part_rows(self) -> int | None:
        return _part_rows(self._fitted()[1].shape.parameters)

    def _batches(
        self, n: int, allowed: Mapping[str, Allowed], *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        codec, engine = self._fitted()
        conditions = codec.conditions(allowed)
        order = order_for(conditions, codec)
        sampler = LmSampler(engine, codec)
        engine.filter = self.filter
        return make_parts(
            n,
            codec,
            part_rows=_part_rows(engine.shape.parameters),
            done=done,
            seed=seed,
            progress=progress,
            draw=lambda rows, rng, advance: sampler.sample(rows, order, rng, conditions=conditions, advance=advance),
            allowed=allowed,
            refiner=refiner_for(self._margins, self.schema, refine, self.refines, n, allowed),
        )

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        codec, engine = self._fitted()
        engine.filter = self.filter
        sampler = LmSampler(engine, codec)
        return fill_in(
            table,
            codec,
            seed=self._seed_of(seed),
            progress=self._reporter(progress),
            complete=lambda choices, missing, rng: complete_pattern(sampler, codec, choices, missing, rng),
        )

    def _scorer(self) -> LmScorer:
        codec, engine = self._fitted()
        engine.filter = Filter()
        return LmScorer(codec, engine)

    def parts(self) -> tuple[LmCodec, LmEngine, Path]:
        """The codec, the engine and the folder of the model's config and tokenizer.

        Raises:
            UsageError: before a table was learned.
        """
        codec, engine = self._fitted()
        assert self._find_folder is not None
        return codec, engine, self._find_folder().path

    def _fitted(self) -> tuple[LmCodec, LmEngine]:
        if self._engine is None and self._make_engine is not None:
            self._engine = self._make_engine()
        if self._codec is None or self._engine is None:
            raise not_fitted()
        return self._codec, self._engine

    # -- keeping ----------------------------------------------------------------------------------------------
    def _write(self, schema: Schema, directory: str | Path) -> None:
        codec, engine = self._fitted()
        assert self._find_folder is not None
        folder = self._find_folder()
        full = self.facts["tuning"] == "full"
        base = {"name": folder.name, "repo": folder.repo, "revision": folder.revision}
        if not full:
            base = describe_base(folder, Path(directory))
        if self.random_weights:
            base["random"] = str(self.seed)
        trained = {name: value for name, value in self._trained.items() if not full or is_new(name)}
        settings = {name: value for name, value in self.settings().items() if name != "base"}
        run = LmRun(schema, codec, base, settings, self.facts, self.history, trained, folder.path, self._margins)
        write_lm_run(directory, run, self.name, engine.export if full else None)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        *,
        device: str = "auto",
        engine: str = "auto",
        precision: str = "auto",
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Self:
        """Read what :meth:`save` wrote.

        Args:
            precision: of the weights; ``auto`` as they were fitted.
            temperature, top_k, top_p: as they were for the fit if absent.
        """
        run = read_lm_run(directory)
        requested = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        given: dict[str, Any] = {name: value for name, value in requested.items() if value is not None}
        if precision != "auto":
            given["precision"] = precision
        for name, value in given.items():
            known_setting(cls, name, cls.__name__).check(value)
        precision = run.fit["precision"] if precision == "auto" else precision
        given |= {"device": device, "engine": engine, "base": run.base["name"]}
        model = restored(cls, run.settings, directory, **given)
        model.engine_, model.device_ = choose_engine(engine, device, precision, packed=run.fit.get("packed", False))
        model.schema_, model.facts_, model.history_ = run.schema, run.fit, run.history
        model._codec, model._trained, model._margins = run.codec, run.trained, run.margins
        # Later, so that 'tabllm info' neither reads gigabytes nor asks the hub for the model that a run names.
        model._find_folder = cache(partial(folder_of, run, Path(directory)))
        model._make_engine = partial(
            engine_of, run, model._find_folder, model.engine_, model.device_, precision=precision
        )
        return model


def _part_rows(parameters: int) -> int:
    halvings = math.ceil(math.log2(max(parameters / SMALL, 1)))
    return max(PART_ROWS >> halvings, min(FEWEST_ROWS, PART_ROWS))


def is_new(name: str) -> bool:
    """Whether a trained weight belongs to a table's own vocabulary."""
    return name.startswith("vocabulary.")
