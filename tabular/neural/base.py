"""What CTGAN, TVAE and the diffusion models share: everything but the network and its training step."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..arrays import from_arrays, on_grid, to_arrays
from ..conditions import Allowed, parse_where, satisfied
from ..devices import choose_torch_device, keep_freed_memory
from ..errors import ConditionError, UsageError
from ..inference import infer_schema
from ..progress import Reporter, Task
from ..reading import check_table
from ..runs import RunFiles, damaged, read_run_files, write_run_files
from ..schema import Schema
from ..synthesizer import Synthesizer, Where
from .calibration import Calibration
from .encoder import TableEncoder
from .fields import CategoryField, Numbers
from .spans import Spans
from .training import LOOKS, Learner, Plan, fingerprint_of, train

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..dp.settings import Privacy
    from ..dp.updates import RowsLoss

__all__ = ["CERTAIN", "Data", "Guide", "Network", "NeuralSynthesizer", "positive"]

#: Rows of one part of a sample.
PART_ROWS = 1 << 16
#: Numbers in the widest tensor of a draw, at most: it bounds the rows that are drawn together.
DRAW_NUMBERS = 1 << 24
#: Rows that a calibration looks at.
CALIBRATION_ROWS = 20_000
#: Logit of a class that was drawn or asked for already.
CERTAIN = 60.0
#: Rows that are made in search of some that meet a condition before the search may be given up, and the share
#: of them that must.
PATIENT_ROWS, LEAST_SHARE = 500_000, 1e-4


class Data(NamedTuple):
    """A table on the device: int64[n, spans] and float32[n, scalars] (0 where a scalar does not count)."""

    codes: Tensor
    scalars: Tensor


class Guide(NamedTuple):
    """A condition that a network can keep by itself: the span, and float32[classes] how likely each is to be."""

    span: int
    probabilities: Tensor


class Network(nn.Module):
    """What a generator leaves when it is trained.

    Attributes:
        spans: the layout of its classes.
        guided: the spans that :meth:`propose` can be guided on; where there are any, ``shares`` is float32[width],
            how often each class occurs in the table.
    """

    spans: Spans
    guided: tuple[int, ...] = ()
    shares: Tensor

    def class_shares(self, span: int) -> Tensor:
        """float32[classes]: how often each class of a guided span occurs in the table."""
        return self.shares[self.spans.starts[span] :][: self.spans.sizes[span]]

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        """(logits float32[rows, width], scalars float32[rows, scalars]) of new rows."""
        raise NotImplementedError


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
        learning_rate: float,
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
        if self.device == "cpu":
            keep_freed_memory()

    # -- what a subclass gives --------------------------------------------------------------------------------
    @abstractmethod
    def _options(self) -> dict[str, Any]:
        """The settings that shape the network, as keywords of ``__init__`` and plain JSON data."""

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
        progress = progress or Reporter()
        started = time.perf_counter()
        table = check_table(table)
        if self.privacy is not None:
            self.privacy.check_public(schema is not None)
        self.schema = schema or infer_schema(table, rare_below=self.rare_below)
        self._prepare(table, self.schema)
        arrays = to_arrays(table, self.schema)
        steps = self._planned_steps(len(table))
        settings = {**self._options(), "model": self.name, "steps": steps, "batch": self.batch_size, "seed": self.seed,
                    "rate": self.learning_rate}  # fmt: skip
        private, learned, source = None, arrays, self.seed
        if self.privacy is not None:
            from ..dp.session import begin_private_fit, forget_secret

            private = begin_private_fit(
                self.privacy, arrays, self.schema, steps=steps, batch_rows=self._batch_rows(len(table)),
                settings=settings, checkpoint=checkpoint,
            )  # fmt: skip
            self.schema, arrays, learned, source = private.schema, private.arrays, private.stand_in, private.secret
            settings["privacy"] = private.mark
        encoder = TableEncoder.fit(learned, self.schema, self.numbers)
        codes, scalars = encoder.encode(arrays, np.random.default_rng([source, 0]))
        fingerprint = fingerprint_of({**settings, "sizes": encoder.sizes}, codes, scalars)

        device = torch.device(self.device)
        spans = Spans(encoder.sizes, device)
        network = self._new_network(encoder, spans)
        data = self._data(codes, scalars, np.random.default_rng([source, 1]))
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
        self.history, restarts = train(learner, plan, fingerprint=fingerprint, progress=progress, checkpoint=checkpoint)
        network.eval()
        self._encoder, self._network = encoder, network
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
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            "fit_seconds": round(time.perf_counter() - started, 2),
        }
        if private is not None:
            self.facts["privacy"] = private.facts(int(learner.state()["count/private"]))
            forget_secret(checkpoint)
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
    def _calibrated(self, spans: Spans, codes: np.ndarray, scalars: np.ndarray) -> Calibration:
        encoder, network = self._fitted()
        if not self.calibrate:
            return Calibration.none(spans.width)
        generator = self._generator(self.seed, 1 << 32)
        chunk = _chunk(spans)
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
    ) -> Iterator[pd.DataFrame]:
        encoder, _ = self._fitted()
        if n < 1:
            raise UsageError(f"The number of rows must be 1 or more, not {n}.")
        allowed = parse_where(where, self.schema)
        guide = self._guide(allowed)
        seed = self.seed if seed is None else _checked(seed)
        with (progress or Reporter()).task("Sampling", n, "rows") as task:
            task.advance(done)
            for part, start in enumerate(range(0, n, PART_ROWS)):
                if start < done:
                    continue
                rows = min(PART_ROWS, n - start)
                arrays = self._draw_allowed(rows, self._generator(seed, part), allowed, guide, task)
                rng = np.random.default_rng([seed, part])
                yield from_arrays(encoder.fill_unlearned(arrays, rows, rng, start=start, seed=seed), self.schema)

    def _draw_allowed(
        self,
        rows: int,
        generator: torch.Generator,
        allowed: Mapping[str, Allowed],
        guide: Guide | None,
        task: Task,
    ) -> dict[str, np.ndarray]:
        """Canonical arrays of ``rows`` rows that keep to every condition: what does not is drawn again."""
        encoder, network = self._fitted()
        spans = Spans(encoder.sizes, torch.device(self.device))
        known = {name: condition for name, condition in allowed.items() if name in encoder.fields}
        chunk = _chunk(spans)
        kept: list[dict[str, np.ndarray]] = []
        made = found = 0
        while found < rows:
            # What is still to find, by the share that was found so far, and some more.
            wanted = (rows - found) * max(made, 1) / max(found, 0.5) if known and made else rows - found
            count = int(min(max(wanted * 1.1, 64) if known else wanted, chunk))
            arrays = self._draw(count, generator, guide, encoder, network, spans)
            if known:
                keeping = satisfied(arrays, known)
                arrays = {name: values[keeping] for name, values in arrays.items()}
            new = min(len(next(iter(arrays.values()))), rows - found)
            kept.append(arrays)
            found, made = found + new, made + count
            task.advance(new)
            if made >= PATIENT_ROWS and found < LEAST_SHARE * made:
                raise ConditionError(
                    f"Only {found:,} of {made:,} rows that the model {self.name!r} made meet "
                    f"{' and '.join(map(repr, known))} as asked; loosen the condition, or fit 'nano', which keeps "
                    "conditions without trying."
                )
        return {name: np.concatenate([part[name] for part in kept])[:rows] for name in kept[0]}

    @torch.no_grad()
    def _draw(
        self,
        rows: int,
        generator: torch.Generator,
        guide: Guide | None,
        encoder: TableEncoder,
        network: Network,
        spans: Spans,
    ) -> dict[str, np.ndarray]:
        calibration = self._calibration or Calibration.none(spans.width)
        logits, scalars = network.propose(rows, generator, guide)
        bias = torch.from_numpy(calibration.bias).to(logits.device)
        codes = spans.draw(logits + bias, generator).cpu().numpy()
        arrays = encoder.decode(codes, scalars.cpu().numpy(), calibration.maps)
        for name, values in arrays.items():
            if self.schema[name].is_numeric:
                arrays[name] = on_grid(values, self.schema[name])
        return arrays

    def _guide(self, allowed: Mapping[str, Allowed]) -> Guide | None:
        """The rarest of the conditions that the network can keep by itself."""
        encoder, network = self._fitted()
        best: tuple[float, Guide] | None = None
        for name, (span, _) in encoder.places().items():
            column = encoder.fields[name]
            if name not in allowed or span.start not in network.guided or not isinstance(column, CategoryField):
                continue
            condition = allowed[name]
            shares = network.class_shares(span.start).cpu().numpy().astype(np.float64)
            codes = np.arange(column.classes)
            if column.missing:
                codes[-1] = -1
            shares = np.where(condition.contains(codes), shares, 0.0)
            mass = float(shares.sum())
            if mass > 0 and (best is None or mass < best[0]):
                probabilities = torch.tensor(shares / mass, dtype=torch.float32, device=self.device)
                best = mass, Guide(span.start, probabilities)
        return best[1] if best else None

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
        config = {"model": self.name, "options": self._options(), "fit": self.facts}
        files = RunFiles(config, self.schema, encoder.to_dict(), weights, self.history)
        write_run_files(directory, files, lambda column: encoder.held(column.name))

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        files = read_run_files(directory)
        facts = dict(files.config.get("fit", {}))
        try:
            model = cls(device=device, seed=int(facts.get("seed", 0)), **files.config["options"])
            encoder = TableEncoder.from_dict(files.codec, files.schema)
            network = model._new_network(encoder, Spans(encoder.sizes, torch.device(model.device)))
            network.load_state_dict(_below(files.weights, "network/", torch.from_numpy))
            calibration = Calibration.from_tensors(_below(files.weights, "calibration/", np.asarray))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise damaged(directory, f"its files do not fit each other: {error}") from None
        network.eval()
        model.schema, model.facts, model.history = files.schema, facts, list(files.history)
        model._encoder, model._network, model._calibration = encoder, network, calibration
        return model


def _below(arrays: Mapping[str, np.ndarray], prefix: str, change: Any) -> dict[str, Any]:
    return {name.removeprefix(prefix): change(value) for name, value in arrays.items() if name.startswith(prefix)}


def _chunk(spans: Spans) -> int:
    return int(np.clip(DRAW_NUMBERS // max(spans.width, spans.padded_width, 1), 256, PART_ROWS))


def positive(**settings: float | None) -> None:
    """Raise :class:`UsageError` for a setting that is not above 0; ``None`` is none."""
    for label, value in settings.items():
        if value is not None and not value > 0:  # this way round, so that NaN is refused too
            raise UsageError(f"{label} must be above 0, not {value}.")


def _checked(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed must be 0 or above, not {seed}.")
    return seed
