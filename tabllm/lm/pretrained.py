"""A pretrained causal language model, fine-tuned on rows, as a synthesizer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from tabular.conditions import parse_where
from tabular.errors import UsageError
from tabular.imputing import fill_in
from tabular.making import make_parts, one_step
from tabular.notebook import default_reporter
from tabular.progress import Reporter
from tabular.refining import Margins, refiner_for
from tabular.schema import Schema
from tabular.schema_fit import schema_and_arrays
from tabular.search_space import Choice, Real, SearchSpace, Whole
from tabular.settings_record import from_settings
from tabular.synthesizer import Synthesizer, Where

from ..codec.table import DEFAULT_BINS
from ..hub.folder import ModelFolder, resolve
from ..parallel.joining import current_group, first_on_each_machine, processes_here
from .bases import describe_base, public_name
from .codec import LmCodec
from .column_order import order_for
from .completion import complete_pattern
from .engine import Filter, LmEngine
from .fit_codec import encoded
from .loading import choose_engine, make_lm, placed
from .memory import check, training_memory
from .pieces import Pieces
from .restoring import engine_of, folder_of
from .run_files import LmRun, read_lm_run, write_lm_run
from .sampler import LmSampler
from .table_codec import TokenCodec
from .text_codec import SERIALIZATIONS
from .trainer import Plan, plan_training, train
from .tuning import Tuning, check_tuning, choose_tuning, tuning_facts
from .vocabulary import use_vocabulary

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PretrainedLM"]

#: Rows sampled together with a model of up to :data:`SMALL` parameters, and the fewest with a larger one: enough to
#: share most beginnings, few enough that a killed run loses a minute or two. (10,000 at once: 5 % faster.)
PART_ROWS, FEWEST_ROWS = 4096, 256
SMALL = 150_000_000
_RATES = {"full": 2e-4, "lora": 1e-3, "dora": 1e-3}


class PretrainedLM(Synthesizer):
    """GPT-2, DeepSeek-coder or another causal language model, fine-tuned on row-serialized tables.

    Args:
        base: ``gpt2``, ``distilgpt2``, ``deepseek-coder-1.3b``, a hub id, or a local folder.
        revision: of a hub id.
        engine, device: as for :class:`tabllm.TableLM`.
        precision: ``fp32``, ``fp16``, ``bf16``, ``8bit``, ``4bit``; ``auto`` is that of quantized weights, else fp32
            up to 500 M parameters, bf16 above.
        tuning: ``full``, ``lora``, ``dora``; ``auto`` is full in fp32, else lora.
        serialization: ``compact``, ``great`` or ``csv`` text, or ``table``: one token a category, few a number.
        max_cell_tokens: tokens of a free text; by the longest and the model's context if absent. ``table`` has none.
        epochs, steps, batch_size, learning_rate: chosen if absent.
        accumulate: parts in which a batch goes through the model one after the other.
        checkpointing: compute activations again in the backward pass, to need less memory.
        rank, lora_scale: of adapters, and what their output is multiplied with.
        lora_dropout: probability that a number is left out of what an adapter multiplies, in training.
        lora_layers: the last so many blocks have adapters, all if absent.
        temperature, top_k, top_p: how the model's distribution is sharpened in sampling.
        random_weights: a start from random weights instead of the pretrained ones.
        seed, rare_below, bins: as for :class:`tabllm.TableLM`.

    Raises:
        UsageError: for a setting that is out of range.
        EngineError: for a precision or device that this machine does not have.
    """

    name: ClassVar[str] = "lm"

    def __init__(
        self,
        *,
        base: str = "gpt2",
        revision: str | None = None,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        tuning: str = "auto",
        serialization: str = "compact",
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        max_cell_tokens: int | None = None,
        accumulate: int = 1,
        checkpointing: bool = False,
        rank: int = Tuning.rank,
        lora_scale: float = Tuning.scale,
        lora_dropout: float = 0.0,
        lora_layers: int | None = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        random_weights: bool = False,
        seed: int = 0,
        rare_below: int = 0,
        bins: int = DEFAULT_BINS,
    ) -> None:
        positive = {"epochs": epochs, "steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
        positive |= {"max_cell_tokens": max_cell_tokens, "accumulate": accumulate, "rank": rank, "bins": bins}
        for label, value in positive.items():
            if value is not None and not value > 0:  # this way round, so that NaN is refused too
                raise UsageError(f"{label} must be above 0, not {value}.")
        _checked(seed)
        if serialization not in (*SERIALIZATIONS, "table"):
            raise UsageError(
                f"There is no serialization {serialization!r}; choose one of {', '.join(SERIALIZATIONS)}, table."
            )
        check_tuning(tuning, precision, scale=lora_scale, dropout=lora_dropout, layers=lora_layers)
        self.engine_name, self.device = choose_engine(engine, device, precision)
        self._asked_engine = engine, device
        self.base, self.revision, self.precision, self.tuning = base, revision, precision, tuning
        self.serialization, self.bins, self.max_cell_tokens = serialization, bins, max_cell_tokens
        self.epochs, self.steps, self.batch_size, self.learning_rate = epochs, steps, batch_size, learning_rate
        self.accumulate, self.checkpointing, self.rank = accumulate, checkpointing, rank
        self.lora_scale, self.lora_dropout, self.lora_layers = lora_scale, lora_dropout, lora_layers
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.filter = Filter(temperature, top_k, top_p)
        self.random_weights, self.seed, self.rare_below = random_weights, seed, rare_below
        self.history: list[dict[str, float]] = []
        self.facts: dict[str, Any] = {}
        self._codec: LmCodec | None = None
        self._engine: LmEngine | None = None
        self._make_engine: Callable[[], LmEngine] | None = None
        self._trained: dict[str, np.ndarray] = {}
        self._find_folder: Callable[[], ModelFolder] | None = None

    # -- learning ---------------------------------------------------------------------------------------------
    def fit(
        self,
        table: pd.DataFrame,
        *,
        schema: Schema | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        progress, group = default_reporter(progress), current_group()
        started = time.perf_counter()
        table = self._taken(table)
        self.schema, arrays = schema_and_arrays(table, schema, rare_below=self.rare_below, progress=progress)
        self.schema = self._labelled(self.schema, len(table))
        folder = first_on_each_machine(partial(resolve, self.base, revision=self.revision, progress=progress))
        facts, precision, self.engine_name, self.device = placed(folder, *self._asked_engine, self.precision, progress)
        asked = Tuning(
            self.tuning, self.rank, self.lora_scale, self.seed, self.checkpointing, self.lora_dropout, self.lora_layers
        )
        tuning = choose_tuning(asked, precision, facts.layers, folder.name)
        pieces = Pieces.load(folder.path)
        codec, choices, lengths = encoded(arrays, self.schema, facts, pieces, self.settings(), progress)
        nothing = one_step(bool(codec.learned), progress)
        plan = self._plan(len(choices), self.learning_rate or _RATES[tuning.method], nothing)
        estimate = training_memory(
            facts, precision=precision, tuning=tuning,
            rows=math.ceil(plan.batch_rows / (plan.pieces * (1 if group is None else group.size))),
            tokens=int(lengths.max()), used=len(codec.used), engine=self.engine_name, device=self.device,
            vocabulary=isinstance(codec, TokenCodec),
        )  # fmt: skip
        progress.note(estimate.sentence())
        check(estimate, self.engine_name, self.device, processes_here())
        engine = make_lm(
            self.engine_name,
            self.device,
            folder.path,
            precision=precision,
            random=self.seed if self.random_weights else None,
        )
        if isinstance(codec, TokenCodec):
            use_vocabulary(engine, codec, choices, pieces, self.schema)
        trained = train(
            engine, codec, choices, plan, tuning, progress=progress, checkpoint=checkpoint, group=group,
            settings={**self.settings(),
                      "fitted": [folder.name, folder.revision, precision, tuning.method, self.engine_name]},
        )  # fmt: skip
        folder = replace(folder, name=public_name(folder))
        self._codec, self._engine, self._find_folder = codec, engine, lambda: folder
        self._trained, self.history = trained.kept, trained.history
        self._margins = Margins.fit({name: arrays[name] for name in codec.learned}, self.schema)
        last = trained.history[-1]
        self.facts = {
            "base": public_name(folder),
            "engine": self.engine_name,
            "device": self.device,
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
            "fit_seconds": round(time.perf_counter() - started, 2),
        }
        return self

    def _plan(self, rows: int, learning_rate: float, steps: int | None = None) -> Plan:
        return plan_training(
            rows, epochs=self.epochs, steps=steps or self.steps, batch_rows=self.batch_size, pieces=self.accumulate,
            learning_rate=learning_rate, seed=self.seed,
        )  # fmt: skip

    def planned_epochs(self, rows: int) -> float:
        return self._plan(rows, 0.0).epochs(rows)

    @classmethod
    def search_space(cls) -> SearchSpace:
        return SearchSpace(
            {
                "serialization": Choice(("compact", "csv", "table")),
                "learning_rate": Choice((None, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3)),
                "rank": Whole(4, 64, log=True),
                "temperature": Real(0.8, 1.1),
                "top_p": Real(0.9, 1.0),
            },
            share=0.25,
        )

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
        conditions = codec.conditions(allowed)
        order = order_for(conditions, codec)
        sampler = LmSampler(engine, codec)
        engine.filter = self.filter
        seed = self.seed if seed is None else _checked(seed)
        yield from make_parts(
            n,
            self.schema,
            part_rows=_part_rows(engine.shape.parameters),
            done=done,
            seed=seed,
            progress=default_reporter(progress),
            draw=lambda rows, rng, advance: sampler.sample(rows, order, rng, conditions=conditions, advance=advance),
            values=partial(codec.values, allowed=allowed),
            fill=lambda arrays, rows, rng, start: codec.fill(arrays, rows, rng, start=start, seed=seed),
            allowed=allowed,
            refiner=refiner_for(self._margins, self.schema, refine, self.refines, n, allowed),
        )

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        codec, engine = self._fitted()
        engine.filter = self.filter
        sampler = LmSampler(engine, codec)
        seed = self.seed if seed is None else _checked(seed)
        return fill_in(
            table,
            self.schema,
            codec.names,
            parts=codec.parts,
            seed=seed,
            progress=default_reporter(progress),
            encode=codec.encode,
            complete=lambda choices, missing, rng: complete_pattern(sampler, codec, choices, missing, rng),
            values=partial(codec.values, allowed={}),
            fill=lambda arrays, rng: codec.fill(arrays, len(table), rng, start=0, seed=seed, present=True),
        )

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
            raise UsageError("This model has learned no table yet; call fit() first.")
        return self._codec, self._engine

    # -- keeping ----------------------------------------------------------------------------------------------
    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **self.facts, "history": self.history}

    def save(self, directory: str | Path) -> None:
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
        run = LmRun(self.schema, codec, base, settings, self.facts, self.history, trained, folder.path,
                    self._margins)  # fmt: skip
        write_lm_run(directory, run, self.name, engine.export if full else None)

    @classmethod
    def load(
        cls, directory: str | Path, *, device: str = "auto", engine: str = "auto", precision: str = "auto",
        temperature: float | None = None, top_k: int | None = None, top_p: float | None = None,
    ) -> Self:  # fmt: skip
        """Read what :meth:`save` wrote.

        Args:
            precision: of the weights; ``auto`` as they were fitted.
            temperature, top_k, top_p: as they were for the fit if absent.
        """
        run = read_lm_run(directory)
        given = {"device": device, "engine": engine, "base": run.base["name"]}
        asked = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        given |= {name: value for name, value in asked.items() if value is not None}
        if precision != "auto":
            given["precision"] = precision
        precision = run.fit["precision"] if precision == "auto" else precision
        model = from_settings(cls, run.settings, given, directory, unchecked=("tuning",))
        model.engine_name, model.device = choose_engine(engine, device, precision, packed=run.fit.get("packed", False))
        model.schema, model.facts, model.history = run.schema, run.fit, run.history
        model._codec, model._trained, model._margins = run.codec, run.trained, run.margins
        # Later, so that 'tabllm info' neither reads gigabytes nor asks the hub for the model that a run names.
        model._find_folder = cache(partial(folder_of, run, Path(directory)))
        model._make_engine = partial(
            engine_of, run, model._find_folder, model.engine_name, model.device, precision=precision
        )
        return model


def _part_rows(parameters: int) -> int:
    halvings = math.ceil(math.log2(max(parameters / SMALL, 1)))
    return max(PART_ROWS >> halvings, min(FEWEST_ROWS, PART_ROWS))


def _checked(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed must be 0 or above, not {seed}.")
    return seed


def is_new(name: str) -> bool:
    """Whether a trained weight belongs to a table's own vocabulary."""
    return name.startswith("vocabulary.")
