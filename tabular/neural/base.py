"""What CTGAN, TVAE and the diffusion models share: everything but the network and its training step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from typing_extensions import Self

from ..encoding.arrays import from_arrays
from ..errors import UsageError, not_fitted
from ..machine.devices import choose_torch_device, full_width_products, prepare_processor
from ..parts import parts_of
from ..plain_json import PLAIN, FieldError, check_fields
from ..preparing.training_rows import training_rows
from ..progress import Reporter
from ..refining import refiner_for
from ..rules.reducing.file_order import in_file_order
from ..runs import RunFiles, check_shapes, read_run_files, reading, restored, write_run_files
from ..sampling.batches import chosen_rows, each_part, one_step
from ..schema import Schema
from ..search_space import Choice
from ..settings import CommonSettings, setting
from ..synthesizer import Synthesizer
from ..training.learner import Learner
from ..training.loop import train
from ..training.plan import Plan, evaluated_every, fingerprint_of
from ..training.processes import current_processes
from .draws import PART_ROWS, ConditionalDraws, rows_at_once
from .encoding.calibration import Calibration
from .encoding.encoder import TableEncoder
from .encoding.fields import Numbers
from .encoding.spans import Spans
from .network import Data, Network

if TYPE_CHECKING:
    from ..dp.session import PrivateFit
    from ..dp.updates import RowsLoss
    from ..where.conditions import Allowed

__all__ = ["WIDTHS", "NeuralSynthesizer", "calibration_rows"]

#: Where widths of layers are searched.
WIDTHS = Choice(((128, 128), (256, 256), (512, 512), (256, 256, 256)))
#: Rows that a calibration looks at, and the numbers in their widest tensor: of wide tables it looks at fewer, and of
#: very wide ones at fewer still, since TabDDPM makes such a tensor a dozen times in each of 100 steps.
CALIBRATION_ROWS, CALIBRATION_NUMBERS = 20_000, 1 << 25
MANY_SPANS_ROWS, MANY_SPANS_NUMBERS = 500, 1 << 22
#: Evaluations of a fit, evenly spaced: there the device is waited for, and a checkpoint is written.
EVALUATIONS = 50


class NeuralSynthesizer(CommonSettings, Synthesizer):
    """A generator that learns a table as one-hot spans and scalars, with torch.

    Subclasses give the network and one training step; this class sees to seeds, devices and files.

    Attributes:
        device_: where it computes, set by ``fit`` and ``load``.
    """

    #: Whether the step size falls to 0 over the fit.
    decays: ClassVar[bool] = False
    spread_engines: ClassVar[tuple[str, ...]] = ("torch",)
    _part_rows: ClassVar[int] = PART_ROWS

    epochs: float | None = setting(None, "Passes over the rows.", above=0)
    steps: int | None = setting(None, "Updates, in place of epochs.", above=0)
    batch_size: int = setting(500, "Batch size: rows per update.", above=0)

    #: How numbers become scalars.
    numbers: Numbers = "modes"
    _encoder: TableEncoder | None = None
    _network: Network | None = None
    _calibration: Calibration | None = None

    # -- what a subclass gives --------------------------------------------------------------------------------
    @abstractmethod
    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        """An untrained network; a run is loaded into one too."""

    @abstractmethod
    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        """What trains it; ``steps`` updates will be made."""

    def _prepare(self, schema: Schema, rows: int) -> None:
        """Look at the table before anything else; here there is nothing to see."""

    def _private_loss(self, network: Network, data: Data, generator: torch.Generator) -> RowsLoss:
        """The mean loss of rows of ``data``, given by their numbers, in which each row's part is its own."""
        raise UsageError(f"The model {self.name!r} cannot be fitted with differential privacy.")

    def _filled(self, scalars: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``scalars`` (float32[n, scalars], NaN where one does not count) with something in the gaps: zeros here."""
        return np.nan_to_num(scalars)

    @abstractmethod
    def _rate(self) -> float:
        """The step size of what makes rows."""

    def _patience(self) -> int:
        """Evaluations that may bring nothing before training ends; without held-out rows there is no such end."""
        return EVALUATIONS

    def _batch_rows(self, rows: int) -> int:
        """Rows of one update, for a table of ``rows`` rows."""
        return min(self.batch_size, rows)

    # -- learning ---------------------------------------------------------------------------------------------
    def _place(self, progress: Reporter | None = None) -> None:
        self.device_ = choose_torch_device(self.device)
        if self.device_ == "cpu":
            prepare_processor(progress)

    def _learn(
        self, arrays: dict[str, np.ndarray], rows: int, progress: Reporter, checkpoint: str | Path | None
    ) -> dict[str, Any]:
        self._prepare(self.schema, rows)
        nothing = one_step(parts_of(self.schema).filler is None, progress)
        steps = nothing or self._planned_steps(rows)
        settings = {**self.settings(), "model": self.name, "planned_steps": steps}
        given = training_rows(
            getattr(self, "privacy", None),
            arrays,
            self.schema,
            steps=steps,
            batch_rows=self._batch_rows(rows),
            settings={**settings, "device": self.device_},
            checkpoint=checkpoint,
        )
        self.schema_ = given.schema
        encoder = TableEncoder.fit(given.open, given.schema, self.numbers)
        codes, scalars = encoder.encode(given.arrays, given.generator("encoding", self.seed, 0), by_row=given.by_row)
        fingerprint = fingerprint_of({**settings, **given.marks(), "sizes": encoder.sizes}, codes, scalars)

        device = torch.device(self.device_)
        spans = Spans(encoder.sizes, device)
        network = self._new_network(encoder, spans)
        data = self._data(codes, scalars, given.generator("gaps", self.seed, 1))

        def open_part(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, Data]:
            codes, scalars = encoder.encode(arrays, np.random.default_rng([self.seed, 0]))
            return codes, scalars, self._data(codes, scalars, np.random.default_rng([self.seed, 1]))

        # Whatever else is learned from rows (class frequencies, calibration) is learned from what is open.
        codes, scalars, seen = given.open_part((codes, scalars, data), open_part)
        processes = current_processes()
        processes.check_same("torch", fingerprint)
        plain = self._make_learner(network, spans, seen, steps)

        def private_one(private: PrivateFit) -> Learner:
            from .private.learner import private_learner

            return private_learner(plain, private, partial(self._private_loss, network, data), decay=self.decays)

        learner = given.choose(lambda: plain, private_one)
        plan = Plan(
            steps=steps,
            eval_every=evaluated_every(steps, EVALUATIONS),
            learning_rate=self._rate(),
            seed=self.seed,
            patience=self._patience(),
        )
        # A private update takes as many rows as are drawn, and oneDNN compiles its kernels for each number of them.
        with full_width_products() if given.equal_batches else nullcontext():
            trained = train(
                learner,
                plan,
                fingerprint=fingerprint,
                progress=progress,
                checkpoint=checkpoint,
                processes=processes,
            )
        self.history_ = trained.history
        network.eval()
        self._encoder, self._network = encoder, network
        self._margins = given.margins(encoder.learned)
        self._calibration = self._calibrated(spans, codes, scalars)
        self._unsaved = given.checkpoint
        return {
            "engine": "torch",
            "device": self.device_,
            "parameters": sum(value.numel() for value in network.parameters()),
            "steps": steps,
            "epochs": round(steps * self._batch_rows(rows) / rows, 3),
            "restarts": trained.restarts,
            **{name: value for name, value in trained.history[-1].items() if name == "train_loss"},
            **given.facts(trained.steps),
            "batch_size": self._batch_rows(rows),
            "learning_rate": self._rate(),
            "seed": self.seed,
        }

    def _data(self, codes: np.ndarray, scalars: np.ndarray, rng: np.random.Generator) -> Data:
        device = torch.device(self.device_)
        return Data(torch.from_numpy(codes).to(device), torch.from_numpy(self._filled(scalars, rng)).to(device))

    def _planned_steps(self, rows: int) -> int:
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 1) * self._steps_per_epoch(rows)))

    def _steps_per_epoch(self, rows: int) -> int:
        return max(1, rows // self._batch_rows(rows))

    def planned_epochs(self, rows: int) -> float:
        return self._planned_steps(rows) / self._steps_per_epoch(rows)

    def _new_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        """A network whose first weights the seed fixes, whatever was drawn before and on whatever device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self._make_network(encoder, spans).to(spans.device)

    @torch.no_grad()
    @full_width_products()
    def _calibrated(self, spans: Spans, codes: np.ndarray, scalars: np.ndarray) -> Calibration:
        encoder, network = self._fitted()
        if not (getattr(self, "calibrate", False) and encoder.learned):
            return Calibration.none(spans.width)
        generator = self._generator(self.seed, 1 << 32)
        chunk = rows_at_once(spans)
        rows = calibration_rows(spans)
        counts = [min(chunk, rows - begin) for begin in range(0, rows, chunk)]
        parts = [network.propose(count, generator, None) for count in counts]
        made = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
        return Calibration.fit(encoder, spans, (codes, scalars), made, generator)

    # -- making rows ------------------------------------------------------------------------------------------
    def _batches(
        self, n: int, allowed: Mapping[str, Allowed], *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        encoder, network = self._fitted()
        calibration = self._calibration or Calibration.none(network.spans.width)
        draws = ConditionalDraws(self.name, self.schema, encoder, network, calibration, allowed)
        refiner = refiner_for(self._margins, self.schema, refine, self.refines, n, allowed)

        def made(done: int) -> Iterator[pd.DataFrame]:
            for part, start, rows, task in each_part(n, self._part_rows, done, progress):
                spare = 0 if refiner is None else refiner.spare(rows)
                task.extend(spare)
                arrays = draws.draw(rows + spare, self._generator(seed, part), task)
                rng = np.random.default_rng([seed, part])
                choose = None if refiner is None else refiner.chooser(rows, spare, rng)
                arrays = encoder.fill(chosen_rows(arrays, choose), rows, rng, start=start, seed=seed)
                yield from_arrays(arrays, self.schema)

        return in_file_order(self.schema, self._part_rows, done, made)

    def _generator(self, seed: int, part: int) -> torch.Generator:
        state = np.random.SeedSequence([seed, part, 7]).generate_state(1, np.uint64)[0] >> np.uint64(1)
        return torch.Generator(self.device_).manual_seed(int(state))

    def _fitted(self) -> tuple[TableEncoder, Network]:
        if self._encoder is None or self._network is None:
            raise not_fitted()
        return self._encoder, self._network

    # -- keeping ----------------------------------------------------------------------------------------------
    def _write(self, schema: Schema, directory: str | Path) -> None:
        encoder, network = self._fitted()
        weights = {f"network/{name}": value.cpu().numpy() for name, value in network.state_dict().items()}
        calibration = self._calibration or Calibration.none(sum(encoder.sizes))
        weights |= {f"calibration/{name}": value for name, value in calibration.tensors().items()}
        config = {"model": self.name, "options": self.settings(), "fit": self.facts}
        files = RunFiles(config, schema, encoder.to_dict(), weights, self.history, self._margins)
        write_run_files(directory, files, lambda column: encoder.held(column.name))

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        files = read_run_files(directory)
        facts = dict(files.config.get("fit", {}))
        with reading(directory, "config.json"):
            check_fields(files.config, {"options": PLAIN}, "it")
        options = {"seed": facts.get("seed", 0), **files.config["options"]}
        model = restored(cls, options, directory, device=device)
        model._place()
        with reading(directory, "codec.json"):
            encoder = TableEncoder.from_dict(files.codec, files.schema)
        with reading(directory, "model.safetensors"):
            calibration = Calibration.from_tensors(_below(files.weights, "calibration/", np.asarray), encoder)
            network = model._loaded_network(encoder, _below(files.weights, "network/", torch.from_numpy))
        model.schema_, model.facts_, model.history_ = files.schema, facts, [dict(entry) for entry in files.history]
        model._encoder, model._network, model._calibration = encoder, network, calibration
        model._margins = files.margins
        return model

    def _loaded_network(self, encoder: TableEncoder, weights: Mapping[str, Tensor]) -> Network:
        """A network with ``weights``; what its options declare is held against them before memory is taken."""
        if (depth := self.settings().get("depth", 0)) > len(weights):
            raise FieldError(f"it has no {depth:,} layers, of which its config.json speaks")
        spans = Spans(encoder.sizes, torch.device(self.device_))
        with torch.device("meta"):
            wanted = self._make_network(encoder, Spans(encoder.sizes, torch.device("cpu"))).state_dict()
        check_shapes(
            {name: value.shape for name, value in weights.items()},
            {name: value.shape for name, value in wanted.items()},
        )
        network = self._new_network(encoder, spans)
        network.load_state_dict(weights)
        return network.eval()


def calibration_rows(spans: Spans) -> int:
    """How many rows are made to be calibrated by."""
    rows = min(CALIBRATION_ROWS, CALIBRATION_NUMBERS // max(spans.width, 1))
    return min(rows, max(MANY_SPANS_ROWS, MANY_SPANS_NUMBERS // spans.width)) if spans.many else rows


def _below(arrays: Mapping[str, np.ndarray], prefix: str, change: Any) -> dict[str, Any]:
    return {name.removeprefix(prefix): change(value) for name, value in arrays.items() if name.startswith(prefix)}
