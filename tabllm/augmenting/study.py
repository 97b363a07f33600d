"""Do synthetic rows of a rare class help? Every training set is trained and judged by real rows that nothing has
learned.

The real table is split once, by the seed and class by class, before anything is fitted: rows to learn, by the
generator and by every training set; rows to choose thresholds and numbers of trees on; and the holdout. What is done
already is not done again, and a training set that fails leaves the others as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.models.pair import PROTOCOLS
from eval.preparing.features import TreeModel, feature_matrix
from eval.preparing.tables import check_form, load_tables
from eval.preparing.trees import tell_of_trees
from tabular.errors import OutputError, TableError, TabllmError, UsageError
from tabular.notebook import default_reporter
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.sampling.shares import rows_for_share
from tabular.schema import Schema
from tabular.storage.rundir import make_folder
from tabular.synthesizer import Synthesizer

from ..comparing.study import target_option
from ..studies.workspace import Workspace, fingerprint
from .classes import Classes, added, classes_of
from .hybrid import synthetic_parts
from .scoring import Predictions, Scores, judged
from .training_sets import Recipe, TrainingSet, recipes_of, training_set

__all__ = ["DEFAULT_SHARES", "Parts", "RecipeOutcome", "Settings", "Study", "run_study", "split_rows"]

#: Fractions of the class that are tried.
DEFAULT_SHARES = (0.05, 0.10, 0.25, 0.50)
#: Of all rows, and of what is left of them.
HOLDOUT_SHARE, VALIDATION_SHARE = 0.3, 0.2
#: Rows of the class that each part must have for its figures to mean anything.
MIN_POSITIVE = 10


@dataclass(frozen=True)
class Settings:
    """What is asked.

    Attributes:
        label: the class to make more of; the rarest if absent.
        shares: of the class, that are tried.
        options: keywords for the generator's ``__init__``, such as ``epochs``.
    """

    target: str
    label: str | None = None
    model: str = "nano"
    shares: tuple[float, ...] = DEFAULT_SHARES
    oversampling: bool = False
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """The real rows by what they are for."""

    learn: pd.DataFrame
    validation: pd.DataFrame
    holdout: pd.DataFrame


@dataclass(frozen=True)
class RecipeOutcome:
    """What came of one training set: scores, or an error.

    Attributes:
        rows: that it learned from, ``added``: those of them that were made.
        seconds: the training took.
        resumed: whether it was trained by an earlier call.
    """

    recipe: Recipe
    rows: int = 0
    added: int = 0
    seconds: float = 0.0
    scores: Scores | None = None
    error: str | None = None
    resumed: bool = False


@dataclass(frozen=True)
class Study:
    """What came of all training sets.

    Attributes:
        named: the class in words, such as ``income = >50K``.
        rows, positives: of the parts ``learn``, ``validation`` and ``holdout``.
        fit_seconds, sample_seconds: of the generator; ``None`` where it failed.
    """

    named: str
    model: str
    seed: int
    rows: dict[str, int]
    positives: dict[str, int]
    outcomes: tuple[RecipeOutcome, ...]
    fit_seconds: float | None = None
    sample_seconds: float | None = None


def split_rows(table: pd.DataFrame, classes: Classes, seed: int, holdout: pd.DataFrame | None = None) -> Parts:
    """Part the rows whose class is known, class by class, so that each part has its fraction of every one.

    Args:
        holdout: if given, no rows of ``table`` are held out for the test.
    """
    rng = np.random.default_rng(seed)
    known = classes.codes >= 0
    held = np.zeros(len(table), bool) if holdout is not None else _stratified(classes.codes, known, HOLDOUT_SHARE, rng)
    chosen = _stratified(classes.codes, known & ~held, VALIDATION_SHARE, rng)
    test = holdout if holdout is not None else table[held].reset_index(drop=True)
    learn = table[known & ~held & ~chosen].reset_index(drop=True)
    return Parts(learn, table[chosen].reset_index(drop=True), test)


def _stratified(codes: np.ndarray, among: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """``bool[rows]``: ``fraction`` of the rows ``among``, of each class."""
    chosen = np.zeros(len(codes), bool)
    for code in range(codes.max() + 1):
        rows = rng.permutation(np.flatnonzero(among & (codes == code)))
        chosen[rows[: round(fraction * len(rows))]] = True
    return chosen


def run_study(
    table: pd.DataFrame,
    settings: Settings,
    folder: str | Path,
    *,
    kinds: Mapping[str, str] | None = None,
    holdout: pd.DataFrame | None = None,
    ruled: Callable[[pd.DataFrame, Schema], Schema] | None = None,
    progress: Reporter | None = None,
) -> Study:
    """Train and judge every training set; everything lies in ``folder``.

    Args:
        kinds: column -> the kind to take it for, where the guess is wrong.
        holdout: real rows to judge by, instead of :data:`HOLDOUT_SHARE` of ``table``.
        ruled: (rows to learn, their schema) -> the schema with the rules that all rows are to keep.

    Raises:
        UsageError: if the target has no classes, or no share is above the present one.
        TableError: if a part has too few rows of the class.
        OutputError: if ``folder`` cannot be written.
    """
    progress = default_reporter(progress)
    tell_of_trees(progress)
    whole = infer_schema(table, overrides=kinds)
    classes = classes_of(table, whole, settings.target, settings.label)
    if holdout is not None:
        check_form("holdout", holdout, whole)
        holdout = holdout[holdout[settings.target].notna()].reset_index(drop=True)
    parts = split_rows(table, classes, settings.seed, holdout)
    truths = {name: _is_label(part, classes, whole) for name, part in vars(parts).items()}
    schema = infer_schema(parts.learn, overrides=kinds)  # nothing of it may come from the rows to judge by
    schema = schema if ruled is None else ruled(parts.learn, schema)
    recipes = recipes_of(settings.shares, float(truths["learn"].mean()), oversampling=settings.oversampling)
    _check_positives(truths, classes)
    path = Path(folder)
    make_folder(path)
    work = _Work(parts, truths, schema, settings, classes, recipes, path, progress)
    trained = [work.outcome(recipe) for recipe in recipes]
    predictions = {outcome.recipe.key: found for outcome, found in trained if found is not None}
    scores: dict[str, Scores] = {}
    if recipes[0].key in predictions:
        scores = judged(
            predictions,
            truths["validation"],
            truths["holdout"],
            first=recipes[0].key,
            true_share=float(truths["learn"].mean()),
            seed=settings.seed,
        )
    return Study(
        named=classes.named,
        model=settings.model,
        seed=settings.seed,
        rows={name: len(truth) for name, truth in truths.items()},
        positives={name: int(truth.sum()) for name, truth in truths.items()},
        outcomes=tuple(replace(outcome, scores=scores.get(outcome.recipe.key)) for outcome, _ in trained),
        fit_seconds=work.fit_seconds,
        sample_seconds=work.sample_seconds,
    )


def _is_label(table: pd.DataFrame, classes: Classes, schema: Schema) -> np.ndarray:
    """``bool[rows]``."""
    found = classes_of(table, schema, classes.target)
    return found.codes == (found.values.index(classes.label) if classes.label in found.values else len(found.values))


def _check_positives(truths: Mapping[str, np.ndarray], classes: Classes) -> None:
    uses = {"learn": "to learn", "validation": "to choose thresholds on", "holdout": "to judge by"}
    for name, truth in truths.items():
        if truth.sum() < MIN_POSITIVE:
            raise TableError(
                f"Of the rows {uses[name]} {int(truth.sum())} have {classes.named}, and a study needs {MIN_POSITIVE} "
                "of them in each part; give more rows."
            )


class _Work:
    """Trains the training sets one after the other, and the generator when the first of them needs it."""

    def __init__(
        self,
        parts: Parts,
        truths: Mapping[str, np.ndarray],
        schema: Schema,
        settings: Settings,
        classes: Classes,
        recipes: list[Recipe],
        path: Path,
        progress: Reporter,
    ) -> None:
        self.parts, self.truths, self.schema, self.settings = parts, truths, schema, settings
        self.classes, self.work, self.progress = classes, Workspace(path, progress), progress
        # The largest share needs all of the synthetic rows, and the smaller ones the first of them.
        fraction = max(recipe.share or 0.0 for recipe in recipes)
        self.wanted = rows_for_share(fraction, int(truths["learn"].sum()), len(truths["learn"]))
        # What each result depends on, so that another ratio or generator does not undo what it leaves as it is.
        self.data_mark = fingerprint([classes.named, settings.seed, schema.to_dict()], *vars(parts).values())
        self.rows_mark = fingerprint([self.data_mark, settings.model, settings.options, self.wanted])
        self.fit_seconds: float | None = None
        self.sample_seconds: float | None = None
        self.generator_error: str | None = None
        test = pd.concat([parts.validation, parts.holdout], ignore_index=True)
        self.tables = load_tables(parts.learn, parts.learn, test, schema)
        self.names = tuple(name for name in self.tables.modelled if name != settings.target)
        if not self.names:
            raise UsageError(f"There is no column beside {settings.target!r} to predict it from.")
        x, self.types = feature_matrix(self.tables.real, self.names, self.tables)
        self.real = TrainingSet(x, truths["learn"])
        assert self.tables.holdout is not None
        self.x_test, _ = feature_matrix(self.tables.holdout, self.names, self.tables)

    def outcome(self, recipe: Recipe) -> tuple[RecipeOutcome, Predictions | None]:
        """Train ``recipe``, or read what an earlier call found."""
        file = f"{recipe.key}.json"
        mark = self.rows_mark if recipe.kind == "hybrid" else self.data_mark
        earlier = self.work.facts(file, mark, lambda facts: _read(recipe, facts))
        if earlier is not None:
            self.progress.note(f"{recipe.label}: done by an earlier call.")
            return earlier
        cut = len(self.parts.validation)
        try:
            synthetic = self._synthetic() if recipe.kind == "hybrid" else None
            self.progress.note(f"{recipe.label}:")
            start = time.perf_counter()
            learned = training_set(recipe, self.real, self.types, self.settings.seed, synthetic)
            model = TreeModel(
                "binary:logistic",
                self.types,
                seed=self.settings.seed,
                threads=None,
                scale_pos_weight=learned.weight,
                **PROTOCOLS["standard"],
            )
            # The number of trees is chosen on the validation rows, or real rows alone would be learned by heart
            # and anything that blurs them would seem to help.
            watched = self.x_test[:cut], self.truths["validation"].astype(np.float32)
            probability = model.fit(learned.x, learned.y.astype(np.float32), watched=watched).predict(self.x_test)
        except OutputError:
            raise
        except TabllmError as error:
            return self._failed(recipe, str(error))
        except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:  # others may do
            return self._failed(recipe, f"{type(error).__name__}: {error}")
        outcome = RecipeOutcome(recipe, len(learned.y), len(learned.y) - len(self.real.y), time.perf_counter() - start)
        self.work.keep(
            file,
            mark,
            {
                "rows": outcome.rows,
                "added": outcome.added,
                "seconds": outcome.seconds,
                "share": learned.share,
                "validation": probability[:cut].tolist(),
                "holdout": probability[cut:].tolist(),
            },
        )
        return outcome, Predictions(probability[:cut], probability[cut:], learned.share)

    def _failed(self, recipe: Recipe, why: str) -> tuple[RecipeOutcome, None]:
        self.progress.note(f"{recipe.label} failed: {why}")
        return RecipeOutcome(recipe, error=why), None

    def _synthetic(self) -> np.ndarray:
        """``float32[rows, features]``, made once; a generator that failed is not tried again for the next recipe."""
        if self.generator_error is not None:
            raise TabllmError(self.generator_error)
        try:
            made = self._made()
        except OutputError:
            raise
        except (TabllmError, RuntimeError, MemoryError, ArithmeticError, ValueError) as error:
            words = str(error) if isinstance(error, TabllmError) else f"{type(error).__name__}: {error}"
            self.generator_error = f"{self.settings.model}: {words}"
            raise TabllmError(self.generator_error) from None
        tables = load_tables(self.parts.learn, made, None, self.schema)
        return feature_matrix(tables.synthetic, self.names, self.tables)[0]

    def _made(self) -> pd.DataFrame:
        settings, learn = self.settings, self.parts.learn

        def sample(learned: Synthesizer) -> pd.DataFrame:
            wanted = added(self.classes, self.wanted)
            return pd.concat(
                synthetic_parts(learn, learned, wanted, seed=settings.seed, progress=self.progress), ignore_index=True
            )

        target = target_option(settings.model, settings.target, self.schema)
        made = self.work.synthetic(
            settings.model,
            learn,
            self.schema,
            {"seed": settings.seed, **target, **settings.options},
            asked=self.rows_mark,
            sample=sample,
        )
        self.fit_seconds, self.sample_seconds = made.fit_seconds, made.sample_seconds
        return made.table


def _read(recipe: Recipe, facts: Mapping[str, Any]) -> tuple[RecipeOutcome, Predictions]:
    outcome = RecipeOutcome(recipe, int(facts["rows"]), int(facts["added"]), float(facts["seconds"]), resumed=True)
    validation, test = (np.array(facts[part], np.float64) for part in ("validation", "holdout"))
    return outcome, Predictions(validation, test, float(facts["share"]))
