"""Does the synthetic table widen the gaps between groups that the real one has?

Four gaps, for each protected column:

- representation: the largest difference of a group's share from its share in the real table;
- label rate: the largest less the smallest fraction of the favoured label among the groups;
- demographic parity (Dwork et al., ITCS 2012): the same of the rows that a model picks;
- equalised odds (Hardt, Price and Srebro, NIPS 2016): the larger of the differences, among the groups, of the
  model's true positive rates and of its false positive rates.

The models are those of :mod:`eval.models.pair`, one trained on real and one on synthetic, and both pick from the same
real test rows, each the same number of them: as many as the real training rows have of the favoured label. (At
a probability of 0.5 neither would pick any row of a table with 2 % of clicks, and no gap could be seen.)

A gap is flagged where synthetic exceeds real by more than the noise of a bootstrap and by more than
:data:`MATERIAL`. All gaps are functions of a few counts (group by label by picks), so a resample is a
multinomial draw of those counts. Two models trained on the noise floor differ too (by 2 points of parity over
the quarters of age on halves of Adult): so the real model is fitted again :data:`REFITS` times on resampled rows,
and the intervals of the models' gaps are widened by the spread of those. The intervals hold for all gaps of all
protected columns TOGETHER (Bonferroni), since one of twenty would be flagged by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tabular.schema import Schema

from ..facts.bias import Bias, Gap, GroupRates, ProtectedColumn
from ..facts.estimates import Estimate
from ..facts.plain_data import finite
from ..preparing.tables import Table, Tables
from .bootstrap import percentile_interval
from .pair import ModelPair, is_missing
from .utility import check_modelled

__all__ = ["CAVEAT", "REFITS", "check_protected", "measure_bias"]

CAVEAT = (
    "Equal gaps do not prove fairness: these figures see only the named columns, one at a time, one model and one "
    "label, and a label that is itself unfair looks fair to them."
)

RESAMPLES = 2_000
#: Models that show how far two fits differ by chance.
REFITS = 8
#: A gap that widens by less is not flagged, however certain: among a million rows everything is significant.
MATERIAL = 0.01
#: A group of fewer real rows is joined with the other small ones.
MIN_GROUP_ROWS = 30
#: Test rows of a class below which a group has no rate of its own.
MIN_CLASS_ROWS = 10
#: The most frequent groups that stand by themselves.
MAX_GROUPS = 12
#: Parts of a protected column of numbers, cut at the quartiles of the real one.
QUANTILES = (0.25, 0.5, 0.75)
#: Kinds of gaps of a column.
GAPS = 4
NO_REFITS = np.zeros(0)
OTHER, MISSING = "(other)", "(missing)"


def check_protected(protect: Sequence[str], schema: Schema) -> None:
    """Raises :class:`UsageError` if a name of ``protect`` is no column, or none that has groups."""
    for name in protect:
        check_modelled(name, schema, to="protect", lacks="has no groups")


def measure_bias(
    tables: Tables, protect: Sequence[str], pair: ModelPair | None, *, seed: int = 0
) -> tuple[Bias | None, list[str]]:
    """Measure each column of ``protect``; ``pair`` gives the label and the models, if there is a target.

    Returns:
        ``None`` if nothing is protected, and notes on what was folded or left out.
    """
    if not protect:
        return None, []
    notes = []
    label = _Label(tables, pair) if pair is not None else None
    if label is None:
        notes.append("Bias shows no label rates and no gaps of models: there is no target.")
    elif pair is not None and pair.task.kind != "binary":
        notes.append(f"Bias speaks of {label.words}.")
    columns = []
    level = 1 - 0.05 / (GAPS * len(set(protect)))
    for name in dict.fromkeys(protect):
        if label is not None and pair is not None and name == pair.task.target:
            notes.append(f"The target {name!r} is protected too: it has group rates alone.")
        used = None if pair is None or name == pair.task.target else label
        column, more = _measure(tables, name, used, level, np.random.default_rng(seed))
        columns.append(column)
        notes += more
    return Bias(
        label=None if label is None else label.words,
        tested_on=None if pair is None else pair.tested_on,
        selected_percent=None if label is None else 100 * label.share,
        columns=tuple(columns),
        caveat=CAVEAT,
    ), notes


class _Label:
    """The favoured label, where each table has it, and which test rows each model picks.

    A binary target favours its rarer class, a target of several classes the most frequent one, a number what
    lies above the median of the real column.
    """

    def __init__(self, tables: Tables, pair: ModelPair) -> None:
        task = pair.task
        real = task.labels(tables.real)
        self.task = task
        if not task.classes:
            self.threshold = float(np.nanmedian(real))
            self.words = f"{task.target} > {self.threshold:g}"
        else:
            most = int(np.bincount(real[~np.isnan(real)].astype(np.int64)).argmax())
            self.chosen = most if task.positive is None else task.positive
            self.words = f"{task.target} = {task.classes[self.chosen]}"
        self.share = float(np.nanmean(self.of(tables.real)))
        self.test = pair.test
        self.truth = self.of(pair.test).astype(bool)
        self.picks = [self._picks(model.prediction) for model in (pair.real, pair.synthetic)]
        self.refits = [self._picks(prediction) for prediction in pair.refits]

    def of(self, table: Table) -> np.ndarray:
        """``float64[rows]``: 1 with the label, 0 without, NaN where unknown."""
        labels = self.task.labels(table)
        favoured = labels > self.threshold if not self.task.classes else labels == self.chosen
        return np.where(np.isnan(labels), np.nan, favoured)

    def _picks(self, prediction: np.ndarray) -> np.ndarray:
        """``bool[test rows]``: the rows of highest score, as many as have the label; ties at the cut are left."""
        score = prediction if prediction.ndim == 1 else prediction[:, self.chosen]
        count = round(self.share * len(score))
        cut = np.sort(score)[max(len(score) - count - 1, 0)]
        return score > cut


def _measure(
    tables: Tables, name: str, label: _Label | None, level: float, rng: np.random.Generator
) -> tuple[ProtectedColumn, list[str]]:
    groups = _Groups(tables, name)
    whole = [tables.real, tables.synthetic] + ([] if tables.holdout is None else [tables.holdout])
    codes = [groups.codes(table) for table in whole]
    counts = [np.bincount(part, minlength=groups.size) for part in codes]
    facts = {"real": _percent(counts[0]), "synthetic": _percent(counts[1])}
    if len(counts) > 2:
        facts["holdout"] = _percent(counts[2])
    gaps = [_representation(counts, level, rng)]
    if label is None:
        return ProtectedColumn(name, _group_rates(groups.names, facts), tuple(gaps)), []

    by_label = [
        _label_counts(part, label.of(table), groups.size) for part, table in zip(codes[:2], whole[:2], strict=True)
    ]
    test = groups.codes(label.test)
    cells = _pick_counts(test, label, groups.size)
    kept = (cells.sum((2, 3)) >= MIN_CLASS_ROWS).all(1)
    gaps.append(_label_gap(by_label, level, rng))
    refits = [_gaps_of_one(_refit_counts(test, label, picks, groups.size)[kept]) for picks in label.refits]
    gaps += _model_gaps(cells[kept], np.array(refits).reshape(-1, 2), level, rng)
    facts["real_label"], facts["synthetic_label"] = (100 * _ratio(part[:, 1], part.sum(1)) for part in by_label)
    facts["test_rows"] = cells.sum((1, 2, 3))
    facts["selected_real"] = 100 * _ratio(cells[:, :, 1].sum((1, 2)), facts["test_rows"])
    facts["selected_synthetic"] = 100 * _ratio(cells[:, :, :, 1].sum((1, 2)), facts["test_rows"])
    rows = facts["test_rows"]
    few = [group for i, group in enumerate(groups.names) if rows[i] > 0 and not kept[i]]
    notes = [f"Groups of {name!r} with too few test rows for the gaps of models: {', '.join(few)}."] if few else []
    return ProtectedColumn(name, _group_rates(groups.names, facts), tuple(gaps)), notes


class _Groups:
    """The groups of one column, named in order: of numbers the quarters of the real column, else its values.

    Small groups and values that the real table does not have are joined; missing cells are a group.
    """

    def __init__(self, tables: Tables, name: str) -> None:
        self.name = name
        array = tables.real.arrays[name]
        present = array[~is_missing(tables.real, name)]
        if name in tables.numeric:
            self.edges = np.unique(np.quantile(present, QUANTILES)) if len(present) else present
            self.lookup = np.arange(len(self.edges) + 1)
            names = _span_names(tables, name, self.edges)
        else:
            self.edges = None
            counts = np.bincount(present, minlength=tables.cardinality[name])
            order = np.argsort(-counts, kind="stable")[:MAX_GROUPS]
            kept = order[counts[order] >= min(MIN_GROUP_ROWS, counts.max(initial=1))]
            self.lookup = np.full(max(tables.cardinality[name], 1), len(kept))
            self.lookup[kept] = np.arange(len(kept))
            names = [str(tables.schema[name].categories[code]) for code in kept] + [OTHER]
        self.names = [*names, MISSING]
        self.size = len(self.names)

    def codes(self, table: Table) -> np.ndarray:
        """``int64[rows]``, the group of each row."""
        array, missing = table.arrays[self.name], is_missing(table, self.name)
        if self.edges is not None:
            return np.where(missing, self.size - 1, np.searchsorted(self.edges, array, side="left"))
        return np.where(missing, self.size - 1, self.lookup[np.maximum(array, 0)])


def _span_names(tables: Tables, name: str, edges: np.ndarray) -> list[str]:
    """``"<= 28"``, ``"28 to 37"``, ..., ``"> 48"``; instants as dates."""
    if tables.schema[name].kind == "datetime":
        marks = [str(np.datetime64(int(edge), "s")).replace("T", " ") for edge in edges]
    else:
        marks = [f"{edge:g}" for edge in edges]
    if not marks:
        return ["any"]
    return [f"<= {marks[0]}", *(f"{a} to {b}" for a, b in pairwise(marks)), f"> {marks[-1]}"]


def _label_counts(codes: np.ndarray, label: np.ndarray, groups: int) -> np.ndarray:
    """``int64[groups, 2]``: rows without and with the label."""
    known = ~np.isnan(label)
    cell = codes[known] * 2 + label[known].astype(np.int64)
    return np.bincount(cell, minlength=groups * 2).reshape(groups, 2)


def _pick_counts(codes: np.ndarray, label: _Label, groups: int) -> np.ndarray:
    """``int64[groups, 2, 2, 2]``: test rows by label, by the pick of the real model and by that of the synthetic."""
    cell = ((codes * 2 + label.truth) * 2 + label.picks[0]) * 2 + label.picks[1]
    return np.bincount(cell, minlength=groups * 8).reshape(groups, 2, 2, 2)


def _refit_counts(codes: np.ndarray, label: _Label, picks: np.ndarray, groups: int) -> np.ndarray:
    """``int64[groups, 2, 2]``: test rows by label and by the picks of one model."""
    return np.bincount((codes * 2 + label.truth) * 2 + picks, minlength=groups * 4).reshape(groups, 2, 2)


def _representation(counts: list[np.ndarray], level: float, rng: np.random.Generator) -> Gap:
    fractions = [part / part.sum() for part in counts]
    gaps = [float(np.abs(fractions[0] - other).max()) for other in fractions[1:]]
    # A largest difference is never 0, so its noise is what two samples of the REAL shares would show.
    draws = [rng.multinomial(part.sum(), fractions[0], RESAMPLES) / part.sum() for part in counts[:2]]
    noise = float(np.quantile(np.abs(draws[0] - draws[1]).max(1), (1 + level) / 2))
    widened = Estimate(gaps[0], gaps[0] - noise, gaps[0] + noise)
    return Gap("representation", gaps[1] if len(gaps) > 1 else None, gaps[0], widened, _is_flagged(widened))


def _label_gap(by_label: list[np.ndarray], level: float, rng: np.random.Generator) -> Gap:
    points, draws = [], []
    for part in by_label:
        drawn = _redraw(part, rng)
        points.append(float(_spread(_ratio(part[:, 1], part.sum(1)))))
        draws.append(_spread(_ratio(drawn[..., 1], drawn.sum(-1))))
    return _gap("label rate", points[0], points[1], draws[1] - draws[0], level)


def _model_gaps(cells: np.ndarray, refits: np.ndarray, level: float, rng: np.random.Generator) -> list[Gap]:
    """Demographic parity and equalised odds.

    Args:
        cells: ``int64[groups, label, real picks, synthetic picks]``.
        refits: ``float64[refits, 2]``, both gaps of each model that was fitted again.
    """
    if len(cells) < 2:
        nothing = Estimate(None)
        return [Gap(name, None, None, nothing, False) for name in ("demographic parity", "equalised odds")]
    drawn = _redraw(cells, rng)
    gaps, resampled = [], []
    for axis in (-2, -1):  # the other model's picks are summed away
        gaps.append(_gaps_of_one(cells.sum(-3 - axis)))
        resampled.append(_gaps_of_one(drawn.sum(-3 - axis)))
    return [
        _gap(name, float(gaps[0][i]), float(gaps[1][i]), resampled[1][i] - resampled[0][i], level, refits[:, i])
        for i, name in enumerate(("demographic parity", "equalised odds"))
    ]


def _gaps_of_one(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both gaps of one model from counts ``[..., groups, label, picked]``."""
    parity = _spread(_ratio(cells[..., 1].sum(-1), cells.sum((-1, -2))))
    rates = _ratio(cells[..., 1], cells.sum(-1))  # [..., groups, label]: false and true positive rate
    return parity, np.maximum(_spread(rates[..., 0]), _spread(rates[..., 1]))


def _redraw(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``int64[RESAMPLES, *counts.shape]``: as many rows drawn again from those counted."""
    flat = counts.reshape(-1)
    total = int(flat.sum())
    return rng.multinomial(total, flat / max(total, 1), RESAMPLES).reshape(RESAMPLES, *counts.shape)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where there is nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _spread(rates: np.ndarray) -> np.ndarray:
    """Largest less smallest along the last axis, without the groups that have no rate; 0 of fewer than two."""
    known = ~np.isnan(rates)
    largest = np.where(known, rates, -np.inf).max(-1, initial=-np.inf)  # there may be no group at all
    spread = largest - np.where(known, rates, np.inf).min(-1, initial=np.inf)
    return np.where(known.sum(-1) > 1, spread, 0.0)


def _fit_noise(refits: np.ndarray, level: float) -> float:
    """How far the gaps of two fits differ by chance; 0 where nothing was fitted again."""
    from scipy.stats import t

    if len(refits) < 2:
        return 0.0
    return float(t.ppf((1 + level) / 2, len(refits) - 1) * np.sqrt(2) * refits.std(ddof=1))


def _gap(
    name: str, real: float, synthetic: float, draws: np.ndarray, level: float, refits: np.ndarray = NO_REFITS
) -> Gap:
    """The noise of ``refits: float64[refits]`` widens the bootstrap interval, as independent errors add up."""
    value, noise = synthetic - real, _fit_noise(refits, level)
    low, high = (value if end is None else end for end in percentile_interval(draws, level))
    widened = Estimate(value, float(value - np.hypot(value - low, noise)), float(value + np.hypot(high - value, noise)))
    return Gap(name, finite(real), finite(synthetic), widened, _is_flagged(widened))


def _is_flagged(widened: Estimate) -> bool:
    return widened.value is not None and widened.value > MATERIAL and widened.low is not None and widened.low > 0


def _percent(counts: np.ndarray) -> np.ndarray:
    return 100 * counts / counts.sum()


def _group_rates(names: list[str], facts: dict[str, np.ndarray]) -> tuple[GroupRates, ...]:
    """The groups that any table has, in order."""
    fractions = [facts[table] for table in ("real", "synthetic", "holdout") if table in facts]
    return tuple(
        GroupRates(
            name=name,
            real_percent=float(facts["real"][i]),
            synthetic_percent=float(facts["synthetic"][i]),
            holdout_percent=finite(facts["holdout"][i]) if "holdout" in facts else None,
            real_label_percent=finite(facts["real_label"][i]) if "real_label" in facts else None,
            synthetic_label_percent=finite(facts["synthetic_label"][i]) if "real_label" in facts else None,
            selected_real_percent=finite(facts["selected_real"][i]) if "real_label" in facts else None,
            selected_synthetic_percent=finite(facts["selected_synthetic"][i]) if "real_label" in facts else None,
            test_rows=int(facts["test_rows"][i]) if "real_label" in facts else 0,
        )
        for i, name in enumerate(names)
        if any(part[i] > 0 for part in fractions)
    )
