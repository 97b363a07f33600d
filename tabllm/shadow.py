"""Shadow models: generators fitted with and without rows, to ask how well their like gives away what they learned.

The attack itself is :mod:`eval.attacks.shadow`. Targets are training rows and rows that were held out, as many of each;
every shadow model learns half of all targets, drawn anew, and other training rows beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tabular.errors import UsageError
from tabular.progress import Reporter

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from eval.facts.report import ShadowAttack
    from tabular.schema import Schema

__all__ = ["DEFAULT_FITS", "check_held", "generator_of_run", "shadow_attacks"]

DEFAULT_FITS = 8
#: Targets of each kind; rows that a shadow model learns, and makes.
MAX_TARGETS, MAX_ROWS = 1_000, 5_000
#: Fewer rows held out than this give no figure.
MIN_HELD = 20


def generator_of_run(run: str | Path) -> tuple[str, dict[str, Any]]:
    """The name and the options of the generator that ``run`` holds.

    Raises:
        UsageError: of a private run: its shadow models would have to be private too.
    """
    from tabular.registry import has_option, read_config

    config = read_config(run)
    given = config.get("options")
    options = given if isinstance(given, dict) else {}
    if options.get("privacy") is not None:
        raise UsageError(f"{run} is a private run, whose epsilon bounds every such attack; leave --shadow out.")
    name = config["model"]
    kept = {key: value for key, value in options.items() if value is not None and has_option(name, key)}
    return name, {key: value for key, value in kept.items() if key not in ("seed", "privacy")}


def check_held(holdout: pd.DataFrame | None) -> pd.DataFrame:
    """Raises :class:`UsageError` if there are too few held-out rows to ask about."""
    if holdout is None or len(holdout) < MIN_HELD:
        raise UsageError(
            f"--shadow needs at least {MIN_HELD} held-out rows; fit with --holdout 20%, or name a file with --holdout."
        )
    return holdout


def shadow_attacks(
    real: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: Mapping[str, pd.DataFrame],
    *,
    schema: Schema,
    fits: int = DEFAULT_FITS,
    model: str = "nano",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Reporter | None = None,
) -> dict[str, ShadowAttack]:
    """Fit ``fits`` models once, and attack each table of ``synthetic`` with them.

    Args:
        real: the rows that the tables were made from.
        holdout: rows that the generator never saw. Those with a category that ``schema`` does not list are not asked
            about: no model could learn them.
        schema: of ``real``; its rules are not kept by the shadow models.
        fits: even numbers let every target be in exactly half of the models.
        options: of the generator, without its seed.

    Raises:
        UsageError: without a holdout, or of one of fewer than 20 rows.
    """
    import numpy as np
    import pandas as pd

    from eval.attacks.shadow import balanced_halves, nearness, shadow_attack
    from tabular.registry import create

    schema = replace(schema, rules=())
    holdout = check_held(_listed(check_held(holdout), schema))
    rng = np.random.default_rng([seed, 9])
    targets = min(MAX_TARGETS, len(holdout), len(real) // 2)
    order = rng.permutation(len(real))
    members, others = real.iloc[order[:targets]], real.iloc[order[targets:]]
    strangers = holdout.iloc[rng.permutation(len(holdout))[:targets]]
    queries = pd.concat([members, strangers], ignore_index=True)
    inside = balanced_halves(fits, len(queries), rng)
    rows = min(len(real), MAX_ROWS, targets + len(others))
    scores = []
    with (progress or Reporter()).task("Shadow models", fits, "fits") as task:
        for index, learned in enumerate(inside):
            beside = others.iloc[rng.permutation(len(others))[: max(0, rows - int(learned.sum()))]]
            table = pd.concat([queries[learned], beside], ignore_index=True)
            table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
            fitted = create(model, seed=seed + index + 1, **(options or {})).fit(table, schema=schema)
            scores.append(nearness(queries, fitted.sample(rows), schema))
            task.advance(1, f"{len(table):,} rows")
    found = {}
    for name, made in synthetic.items():
        # As many rows as the shadow models made: the closest of more is nearer.
        shown = made.iloc[np.sort(rng.permutation(len(made))[:rows])].reset_index(drop=True)
        observed = nearness(queries, shown, schema)
        found[name] = shadow_attack(np.stack(scores), inside, observed, targets, model=model, rows=rows, seed=seed)
    return found


def _listed(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The rows of ``table`` whose categories ``schema`` lists."""
    import numpy as np

    from tabular.encoding.arrays import to_arrays

    arrays = to_arrays(table, schema, unseen="missing")
    kept = np.ones(len(table), dtype=bool)
    for column in schema:
        if column.has_categories:
            kept &= (arrays[column.name] >= 0) | table[column.name].isna().to_numpy(dtype=bool)
    return table[kept]
