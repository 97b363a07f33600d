"""What CTGAN, TVAE and the diffusion models share: everything but the network and its training step."""

from __future__ import annotations

import time
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

from ..arrays import from_arrays
from ..conditions import parse_where
from ..devices import choose_torch_device, full_width_products, prepare_processor
from ..errors import UsageError
from ..making import chosen_rows, one_step
from ..notebook import default_reporter
from ..parts import parts_of
from ..plain_json import PLAIN, FieldError, check_fields
from ..progress import Reporter
from ..refining import Margins, refiner_for
from ..rules.file_order import in_file_order
from ..runs import RunFiles, check_shapes, read_run_files, reading, write_run_files
from ..schema import Schema
from ..schema_fit import schema_and_arrays
from ..settings_record import from_settings
from ..synthesizer import Synthesizer, Where
from .calibration import Calibration
from .draws import PART_ROWS, ConditionalDraws, rows_at_once
from .encoder import TableEncoder
from .fields import Numbers
from .network import Data, Network
from .spans import Spans
from .training import LOOKS, Learner, Plan, fingerprint_of, train

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..dp.settings import Privacy
    from ..dp.updates import RowsLoss

__all__ = ["NeuralSynthesizer", "positive"]

#: Rows that a calibration looks at.
CALIBRATION_ROWS = 20_000


class NeuralSynthesizer(Synthesizer):
    """A generator that learns a table as one-hot spans and scalars, with torch.

    Subclasses give the network and one training step; this class sees to tables, schemas, conditions, seeds,
    devices and files.
    """

    #: How numbers become scalars where the caller does not say.
    numbers: ClassVar[Numbers] = "modes"
    #: What differential privacy is asked for; the generators that can be fitted so set it.
    privacy: Privacy | None = None
    #: Whether the step size falls to 0 over the fit.
    decays: ClassVar[bool] = False

    def __init__(
        self,
        *,
        epochs: float | None,
        steps: int | None,
        batch_size: int,
        learning_rate: float | None,
        device: str,
        seed: int,
        rare_below: int,
        calibrate: bool,
    ) -> None:
        positive(epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate)
        self.epochs, self.steps, self.batch_size, self.learning_rate = epochs, steps, batch_size, learning_rate
        self.device, self.rare_below, self.calibrate = choose_torch_device(device), rare_below, calibrate
        self.seed = _checked(seed)
        self.history: list[Any] = []
        self.facts: dict[str, Any] = {}
        self._encoder: TableEncoder | None = None
        self._network: Network | None = None
        self._calibration: Calibration | None = None
        # The checkpoint of a private fit, which holds its secret until the run stands.
        self._unsaved: str | Path | None = None
        if self.device == "cpu":
            prepare_processor()

    # -- what a subclass gives --------------------------------------------------------------------------------
    @abstractmethod
    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        """An untrained network; a run is loaded into one too."""

    @abstractmethod
    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        """What trains it; ``steps`` updates will be made."""

    def _prepare(self, table: pd.DataFrame, schema: Schema) -> None:
        """Look at the table before anything else; here there is nothing to see."""

    def _private_loss(self, network: Network, data: Data, generator: torch.Generator) -> RowsLoss:
        """The mean loss of rows of ``data``, given by their numbers, in which each row's part is its own."""
        raise UsageError(f"The model {self.name!r} cannot be fitted with differential privacy.")

    def _filled(self, scalars: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``scalars`` (float32[n, scalars], NaN where one does not count) with something in the gaps: zeros here."""
        return np.nan_to_num(scalars)

    def _rate(self) -> float:
        """The step size of what makes rows."""
        assert self.learning_rate is not None
        return self.learning_rate

    def _patience(self) -> int:
        """Looks that may bring nothing before training ends; without held-out rows there is no such end."""
        return LOOKS

    def _batch_rows(self, rows: int) -> int:
        """Rows of one update, for a table of ``rows`` rows."""
        return min(self.batch_size, rows)

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
        if self.device == "cpu":
            prepare_processor(progress)
        started = time.perf_counter()
        table = self._taken(table)
        if self.privacy is not None:
            self.privacy.check_public(schema, table.columns)
        self.schema, arrays = schema_and_arrays(
            table, schema, rare_below=self.rare_below, progress=progress, private=self.privacy is not None
        )
        self.schema = self._labelled(self.schema, len(table))
        self._prepare(table, self.schema)
        nothing = one_step(parts_of(self.schema).filler is None, progress)
        steps = nothing or self._planned_steps(len(table))
        settings = {**self.settings(), "model": self.name, "planned_steps": steps}
        private, learned = None, arrays
        encoding, gaps = np.random.default_rng([self.seed, 0]), np.random.default_rng([self.seed, 1])
        if self.privacy is not None:
            from ..dp.session import begin_private_fit

            private = begin_private_fit(
                self.privacy, arrays, self.schema, steps=steps, batch_rows=self._batch_rows(len(table)),
                settings={**settings, "device": self.device}, checkpoint=checkpoint,
            )  # fmt: skip
            self.schema, arrays, learned = private.schema, private.arrays, private.stand_in
            encoding, gaps = private.streams.generator("encoding"), private.streams.generator("gaps")
            settings["privacy"] = private.fingerprint
        encoder = TableEncoder.fit(learned, self.schema, self.numbers)
        codes, scalars = encoder.encode(arrays, encoding, by_row=private is not None)
        fingerprint = fingerprint_of({**settings, "sizes": encoder.sizes}, codes, scalars)

        device = torch.device(self.device)
        spans = Spans(encoder.sizes, device)
        network = self._new_network(encoder, spans)
        data = self._data(codes, scalars, gaps)
        if private is None:
            learner = self._make_learner(network, spans, data, steps)
        else:
            from ..dp.learner import private_learner

            # Whatever else is learned from rows (class shares, calibration) is learned from the stand-in.
            codes, scalars = encoder.encode(learned, np.random.default_rng([self.seed, 0]))
            stand_in = self._data(codes, scalars, np.random.default_rng([self.seed, 1]))
            plain = self._make_learner(network, spans, stand_in, steps)
            learner = private_learner(plain, private, partial(self._private_loss, network, data), decay=self.decays)
        plan = Plan(steps, self.seed, self._patience())
        # A private update takes as many rows as are drawn, and oneDNN compiles its kernels for each number of them.
        with full_width_products() if private is None else nullcontext():
            self.history, restarts = train(
                learner, plan, fingerprint=fingerprint, progress=progress, checkpoint=checkpoint
            )
        network.eval()
        self._encoder, self._network = encoder, network
        if private is None:
            self._margins = Margins.fit({name: arrays[name] for name in encoder.learned}, self.schema)
        self._calibration = self._calibrated(spans, codes, scalars)
        told = {"restarts": restarts, "train_loss": self.history[-1]["train_loss"]} if private is None else {}
        self.facts = {
            "engine": "torch",
            "device": self.device,
            "parameters": sum(value.numel() for value in network.parameters()),
            "steps": steps,
            "epochs": round(steps * self._batch_rows(len(data.codes)) / len(data.codes), 3),
            **told,
            "batch_size": self._batch_rows(len(data.codes)),
            "learning_rate": self._rate(),
            "seed": self.seed,
            "fit_seconds": round(time.perf_counter() - started, 2),
        }
        if private is not None:
            self.facts["privacy"] = private.facts(int(learner.state()["count/private"]))
            self._unsaved = checkpoint
        return self

    def _data(self, codes: np.ndarray, scalars: np.ndarray, rng: np.random.Generator) -> Data:
        device = torch.device(self.device)
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
        if not (self.calibrate and encoder.learned):
            return Calibration.none(spans.width)
        generator = self._generator(self.seed, 1 << 32)
        chunk = rows_at_once(spans)
        counts = [min(chunk, CALIBRATION_ROWS - begin) for begin in range(0, CALIBRATION_ROWS, chunk)]
        parts = [network.propose(count, generator, None) for count in counts]
        made = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
        return Calibration.fit(encoder, spans, (codes, scalars), made, generator)

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
        encoder, network = self._fitted()
        if n < 1:
            raise UsageError(f"The number of rows must be 1 or more, not {n}.")
        allowed = parse_where(where, self.schema)
        calibration = self._calibration or Calibration.none(network.spans.width)
        draws = ConditionalDraws(self.name, self.schema, encoder, network, calibration, allowed)
        seed = self.seed if seed is None else _checked(seed)
        refiner = refiner_for(self._margins, self.schema, refine, self.refines, n, allowed)

        def made(done: int) -> Iterator[pd.DataFrame]:
            with default_reporter(progress).task("Sampling", n, "rows") as task:
                task.advance(done)
                for part, start in enumerate(range(0, n, PART_ROWS)):
                    if start < done:
                        continue
                    rows = min(PART_ROWS, n - start)
                    spare = 0 if refiner is None else refiner.spare(rows)
                    task.extend(spare)
                    arrays = draws.draw(rows + spare, self._generator(seed, part), task)
                    rng = np.random.default_rng([seed, part])
                    choose = None if refiner is None else refiner.chooser(rows, spare, rng)
                    arrays = encoder.fill_unlearned(chosen_rows(arrays, choose), rows, rng, start=start, seed=seed)
                    yield from_arrays(arrays, self.schema)

        yield from in_file_order(self.schema, PART_ROWS, done, made)

    def _generator(self, seed: int, part: int) -> torch.Generator:
        state = np.random.SeedSequence([seed, part, 7]).generate_state(1, np.uint64)[0] >> np.uint64(1)
        return torch.Generator(self.device).manual_seed(int(state))

    def _fitted(self) -> tuple[TableEncoder, Network]:
        if self._encoder is None or self._network is None:
            raise UsageError("This model has learned no table yet; call fit() first.")
        return self._encoder, self._network

    # -- keeping ----------------------------------------------------------------------------------------------
    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **self.facts, "history": self.history}

    def save(self, directory: str | Path) -> None:
        encoder, network = self._fitted()
        weights = {f"network/{name}": value.cpu().numpy() for name, value in network.state_dict().items()}
        calibration = self._calibration or Calibration.none(sum(encoder.sizes))
        weights |= {f"calibration/{name}": value for name, value in calibration.tensors().items()}
        config = {"model": self.name, "options": self.settings(), "fit": self.facts}
        files = RunFiles(config, self.schema, encoder.to_dict(), weights, self.history, self._margins)
        write_run_files(directory, files, lambda column: encoder.held(column.name))
        if self._unsaved is not None:
            from ..dp.session import forget_secret

            forget_secret(self._unsaved)

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        files = read_run_files(directory)
        facts = dict(files.config.get("fit", {}))
        with reading(directory, "config.json"):
            check_fields(files.config, {"options": PLAIN}, "it")
        options = {"seed": facts.get("seed", 0), **files.config["options"]}
        model = from_settings(cls, options, {"device": device}, directory)
        with reading(directory, "codec.json"):
            encoder = TableEncoder.from_dict(files.codec, files.schema)
        with reading(directory, "model.safetensors"):
            calibration = Calibration.from_tensors(_below(files.weights, "calibration/", np.asarray), encoder)
            network = model._loaded_network(encoder, _below(files.weights, "network/", torch.from_numpy))
        model.schema, model.facts, model.history = files.schema, facts, list(files.history)
        model._encoder, model._network, model._calibration = encoder, network, calibration
        model._margins = files.margins
        return model

    def _loaded_network(self, encoder: TableEncoder, weights: Mapping[str, Tensor]) -> Network:
        """A network with ``weights``; what its options declare is held against them before memory is taken."""
        if (depth := self.settings().get("depth", 0)) > len(weights):
            raise FieldError(f"it has no {depth:,} layers, of which its config.json speaks")
        spans = Spans(encoder.sizes, torch.device(self.device))
        with torch.device("meta"):
            wanted = self._make_network(encoder, Spans(encoder.sizes, torch.device("cpu"))).state_dict()
        check_shapes({name: value.shape for name, value in weights.items()},
                     {name: value.shape for name, value in wanted.items()})  # fmt: skip
        network = self._new_network(encoder, spans)
        network.load_state_dict(weights)
        return network.eval()


def _below(arrays: Mapping[str, np.ndarray], prefix: str, change: Any) -> dict[str, Any]:
    return {name.removeprefix(prefix): change(value) for name, value in arrays.items() if name.startswith(prefix)}


#: Beyond these a setting is a slip: loops so long, or tables so large, are nothing that anybody waits for.
MOST = {"num_timesteps": 100_000, "sampling_steps": 100_000, "flow_steps": 100_000, "depth": 1000, "pac": 10_000}


def positive(**settings: float | None) -> None:
    """Raise :class:`UsageError` for a setting that is not above 0, or beyond :data:`MOST`; ``None`` is none."""
    for label, value in settings.items():
        if value is not None and not value > 0:  # this way round, so that NaN is refused too
            raise UsageError(f"{label} must be above 0, not {value}.")
        if value is not None and value > (most := MOST.get(label, 2**63 - 1)):
            raise UsageError(f"{label} must be at most {most:,}, not {value:,}.")


def _checked(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed must be 0 or above, not {seed}.")
    return seed
