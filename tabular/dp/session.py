"""One private fit from its budget to the facts it leaves: what every generator does about privacy, in order."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..encoding.unmodelled import is_missing
from ..errors import SchemaError, UsageError
from ..schema import Schema
from .accounting import ACCOUNTANT, Release, noise_for, spent_epsilon
from .marginals import cells_of, noisy_histograms, public_part, stand_in
from .settings import Privacy, chosen_delta
from .streams import GENERATOR, SecretStreams
from .updates import NoisyGradient

__all__ = ["PrivateFit", "begin_private_fit", "check_schema", "forget_secret"]

#: Where a fit keeps what its noise comes from until its run is saved, in the folder of its checkpoint.
SECRET_FILE = "noise.json"
#: What a fit takes for public, as its run says it.
PUBLIC = (
    "the number of rows",
    "each column's name, kind, dtype, format, grain, decimals and whether cells may be missing",
    "categories, bounds, single values, patterns of identifiers and their repetition, as the schema lists them",
    "the settings of the fit",
)


@dataclass(frozen=True)
class PrivateFit:
    """What a private fit works with.

    Attributes:
        delta: of the guarantee.
        steps: updates planned.
        columns: what the columns' distributions cost, if they were examined.
        gradient: how updates are made private.
        schema: its public part, with the missing rates of the stand-in.
        arrays: canonical, of the real rows, within the bounds: for the updates alone.
        stand_in: canonical, of no row: for everything else.
        streams: where all noise, coins and other draws for rows come from.
        fingerprint: a digest of the rows, of everything that was requested and of the secret; what a checkpoint must
            agree with, so that no run joins the noise of two secrets.
    """

    privacy: Privacy
    delta: float
    steps: int
    columns: Release | None
    gradient: NoisyGradient
    schema: Schema
    arrays: dict[str, np.ndarray]
    stand_in: dict[str, np.ndarray]
    streams: SecretStreams
    fingerprint: str

    def facts(self, taken: int) -> dict[str, Any]:
        """What the run says of its privacy after ``taken`` updates, as plain JSON data."""
        training = Release(self.gradient.noise_multiplier, self.gradient.sample_rate, taken)
        columns = [self.columns] if self.columns is not None else []
        epsilon = spent_epsilon([*columns, training], self.delta)
        return {
            "epsilon": epsilon,
            "delta": self.delta,
            "asked_epsilon": self.privacy.epsilon,
            "noise_multiplier": training.noise_multiplier,
            "clip_norm": self.gradient.clip,
            "sample_rate": training.sample_rate,
            "steps": taken,
            "accountant": ACCOUNTANT,
            "spent_alone": {
                "columns": spent_epsilon(columns, self.delta),
                "updates": spent_epsilon([training], self.delta),
            },
            "columns_noise_multiplier": self.columns.noise_multiplier if self.columns is not None else None,
            "neighbours": "one row's contribution added or removed, the number of rows being public; replacing a row "
            f"is both, and costs up to twice (epsilon {2 * epsilon:.3f} at delta "
            f"{min((1 + math.exp(min(epsilon, 700))) * self.delta, 1):.2g})",
            "noise": "from a secret that was not kept"
            if self.privacy.noise_seed is None
            else "from a seed that was given: who knows it can take the noise away",
            "noise_generator": GENERATOR,
            "public": list(PUBLIC),
        }


def begin_private_fit(
    privacy: Privacy,
    arrays: Mapping[str, np.ndarray],
    schema: Schema,
    *,
    steps: int,
    batch_rows: int,
    settings: Mapping[str, Any],
    checkpoint: str | Path | None,
) -> PrivateFit:
    """Deal out the budget, and release the columns' distributions.

    Args:
        arrays: canonical, of the real rows.
        schema: public.
        steps, batch_rows: updates planned, and rows that each of them draws on average.
        settings: of the generator, all of them and the device: a fit that goes on must have the same.
        checkpoint: the folder of an interrupted fit.

    Raises:
        UsageError: for a budget that cannot be kept to.
        SchemaError: for columns that cannot be learned privately, or that do not keep to the schema.
    """
    check_schema(schema)
    rows = len(next(iter(arrays.values())))
    delta = chosen_delta(privacy, rows)
    within = _within(arrays, schema)
    requested = _digest([asdict(privacy), schema.to_dict(), steps, batch_rows, dict(settings)], within)
    streams = _streams(privacy, checkpoint, requested)
    columns = None
    if privacy.schema_share and cells_of(schema, 1):
        epsilon = privacy.schema_share * privacy.epsilon
        columns = Release(noise_for(epsilon, delta, sample_rate=1.0, steps=1), 1.0, 1)
    sample_rate = min(batch_rows / rows, 1.0)
    beside = (columns,) if columns is not None else ()
    noise = noise_for(privacy.epsilon, delta, sample_rate=sample_rate, steps=steps, beside=beside)
    histograms = noisy_histograms(
        within, schema, None if columns is None else columns.noise_multiplier, streams.generator("histograms")
    )
    made = stand_in(histograms, schema, rows)
    gradient = NoisyGradient(rows, sample_rate, privacy.clip, noise)
    return PrivateFit(
        privacy,
        delta,
        steps,
        columns,
        gradient,
        public_part(schema, made, rows),
        within,
        made,
        streams,
        hashlib.sha256(f"{requested} {streams.fingerprint()}".encode()).hexdigest(),
    )


def check_schema(schema: Schema) -> None:
    """Raise :class:`SchemaError` for the columns that cannot be learned privately, with the way out."""
    texts = [column.name for column in schema if column.kind == "text"]
    if texts:
        raise SchemaError(
            f"The words of free text would be learned without privacy: take {_named(texts)} out of the table, or list "
            "the categories in the schema file."
        )
    endless = [c.name for c in schema if c.is_numeric and (c.minimum is None or c.maximum is None)]
    if endless:
        raise SchemaError(
            f"The schema gives no bounds for {_named(endless)}, and they may not be learned: write a public minimum "
            "and maximum there."
        )


def _within(arrays: Mapping[str, np.ndarray], schema: Schema) -> dict[str, np.ndarray]:
    """The arrays with every number clipped to its bounds."""
    found = {}
    for column in schema:
        values = arrays[column.name]
        learned = column.is_numeric or column.has_categories
        if learned and not column.missing_rate and is_missing(values).any():
            raise SchemaError(
                f"Column {column.name!r} has missing cells, which its schema rules out: give it a missing_rate above "
                "0 there, or fill them in."
            )
        found[column.name] = np.clip(values, column.minimum, column.maximum) if column.is_numeric else values
    return found


def _named(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + ", ".join(map(repr, names))


def _digest(requested: list[Any], arrays: Mapping[str, np.ndarray]) -> str:
    """A digest of everything that a fit's result depends on, the secret aside."""
    digest = hashlib.sha256(json.dumps(requested, sort_keys=True, default=str).encode())
    for values in arrays.values():
        if values.dtype != object:  # identifiers and the like, which are not learned
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _streams(privacy: Privacy, checkpoint: str | Path | None, requested: str) -> SecretStreams:
    """Streams that nobody can compute; a fit whose run was never saved finds its own again, and makes the same noise.

    A fit of other rows or settings never does: two runs with the same noise would tell of each other's rows. A second
    fit of the same ones must, since the first may have left more than its checkpoint: two histograms with noise of
    their own would cost twice.
    """
    if privacy.noise_seed is not None:
        return SecretStreams.from_seed(privacy.noise_seed)
    fresh = SecretStreams.fresh()
    if checkpoint is None:
        return fresh
    path = Path(checkpoint) / SECRET_FILE
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["asked"] == requested:
            return SecretStreams.from_hex(known["secret"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"asked": requested, "secret": fresh.secret.hex()}) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error}); choose another place with '-o'.") from None
    return fresh


def forget_secret(checkpoint: str | Path | None) -> None:
    """The run stands: its noise is never made again. To be called after it was saved, and no earlier."""
    if checkpoint is not None:
        (Path(checkpoint) / SECRET_FILE).unlink(missing_ok=True)
