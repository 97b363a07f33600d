"""Would a CTR model that learned from a synthetic log rank ads as well as one that learned from the real past?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from eval.preparing.tables import check_form
from eval.preparing.trees import tell_of_trees
from tabular.notebook import default_reporter
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.schema import Schema

from .facts import CtrReport, Ranking, ScoredModel
from .features import Features, Layout, features_of, layout_of
from .histories.past import history_of
from .model import CtrModel
from .scores import compare_chances, mean_by_ad, rank_agreement
from .simulator import expected_auc
from .splitting import Split, click_labels

__all__ = ["AD_NAMES", "guess_ad", "study_ctr"]

#: Names of columns whose values are ads, the best first.
AD_NAMES = ("ad_id", "adv_id", "ad", "advert_id", "creative_id", "banner_id", "campaign_id", "campaign", "item_id")


@dataclass(frozen=True)
class _Source:
    """Chances of the test rows, and where they come from."""

    name: str
    role: str
    chance: np.ndarray = field(repr=False)
    rows: int | None = None
    clicks: int | None = None


def guess_ad(columns: list[str]) -> str | None:
    """The column that names the ad, by its name."""
    by_name = {name.lower(): name for name in columns}
    return next((by_name[name] for name in AD_NAMES if name in by_name), None)


def study_ctr(
    split: Split,
    synthetic: Mapping[str, pd.DataFrame],
    *,
    click: str,
    time: str | None = None,
    ad: str | None = None,
    schema: Schema | None = None,
    fit_seconds: Mapping[str, float] | None = None,
    by: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Reporter | None = None,
) -> CtrReport:
    """Train the CTR model on the real past and on each of ``synthetic``, and test all on the later rows.

    Args:
        split: of :func:`tabllm.ads.splitting.split_log`.
        synthetic: by name, each with the columns of the past.
        ad: the column whose values are ranked; none are without it.
        schema: of the past; inferred if absent.
        by: the column that names the user, whose past in the same table is then given with each row
            (:mod:`.histories.past`); it needs ``time``.
        fit_seconds: of generators, by name, to be reported beside what came of them.

    Raises:
        TableError: if a synthetic table has other columns or too few rows.
    """
    progress = default_reporter(progress)
    tell_of_trees(progress)
    schema = schema or infer_schema(split.past)
    for name, table in synthetic.items():
        check_form(f"synthetic ({name})", table, schema)
    clicked, positive = click_labels(split.past[click], click)
    truth, _ = click_labels(split.test[click], click, positive)
    notes = [*split.notes]
    history = None
    if by is not None and time is not None:
        history = history_of(split.past, schema, by, time, click, positive)
        columns = (*(column for column in schema if column.name != by), *history.columns)
        schema = replace(schema, columns=columns, rules=())
        notes.append(f"Told of the past of each {by}: {', '.join(column.name for column in history.columns)}.")
    layout = layout_of(schema, click, time)
    if layout.left_out:
        notes.append(f"Not read by the CTR models: {', '.join(layout.left_out)}.")
    if history is None:
        past, test = features_of(split.past, layout), features_of(split.test, layout)
    else:  # the past of a test row reaches back into the rows that are learned
        both = features_of(history.with_past(pd.concat([split.past, split.test], ignore_index=True)), layout)
        past, test = both.take(np.arange(len(split.past))), both.take(np.arange(len(split.past), both.rows))
    with progress.task("CTR models", 2 + len(synthetic), "models") as task:
        sources = [_learned("real", "real", past, clicked, test, seed, threads)]
        task.advance()
        again = np.random.default_rng(seed).integers(past.rows, size=past.rows)
        drawn = past.take(again)
        sources.append(_learned("redrawn", "resampled", drawn, clicked[again], test, seed, threads))
        task.advance()
        for name, table in synthetic.items():
            shown = table if history is None else history.with_past(table)
            sources.append(_made(name, shown, layout, click, positive, test, seed, threads))
            task.advance()
    if split.truth is not None:
        sources.insert(0, _Source("ceiling", "ceiling", split.truth))
    for source in sources:
        if source.role == "synthetic" and source.clicks in (0, source.rows):
            notes.append(f"{source.name} has {source.clicks:,} clicks in {source.rows:,} rows: nothing to learn from.")
    codes = None if ad is None else pd.factorize(split.test[ad])[0]
    if codes is None:
        notes.append("No column of ads was found: name it with --ad to see whether the ads are put in the same order.")
    return CtrReport(
        click=click,
        positive=positive,
        time=time,
        test_from=split.test_from,
        ad=ad,
        seed=seed,
        past_rows=past.rows,
        past_clicks=int(clicked.sum()),
        test_rows=test.rows,
        test_clicks=int(truth.sum()),
        models=_scored(sources, truth, codes, fit_seconds or {}, seed),
        ceiling_auc=None if split.truth is None else expected_auc(split.truth),
        notes=tuple(notes),
    )


def _learned(
    name: str, role: str, features: Features, click: np.ndarray, test: Features, seed: int, threads: int | None
) -> _Source:
    model = CtrModel(seed=seed, threads=threads).fit(features, click)
    return _Source(name, role, model.predict(test), features.rows, int(click.sum()))


def _made(
    name: str,
    table: pd.DataFrame,
    layout: Layout,
    click: str,
    positive: str,
    test: Features,
    seed: int,
    threads: int | None,
) -> _Source:
    clicked, _ = click_labels(table[click], click, positive)
    return _learned(name, "synthetic", features_of(table, layout), clicked, test, seed, threads)


def _scored(
    sources: list[_Source], click: np.ndarray, ad: np.ndarray | None, fit_seconds: Mapping[str, float], seed: int
) -> tuple[ScoredModel, ...]:
    """Every source against the real training set, all over the same resamples.

    Args:
        ad: ``int64[test rows]``, -1 missing.
    """
    by_role = {source.role: source for source in sources}
    real, ceiling = by_role["real"], by_role.get("ceiling")

    def agreement(first: _Source | None, second: _Source) -> Ranking | None:
        if ad is None or first is None or first is second:
            return None
        known = ad >= 0
        means = [mean_by_ad(ad[known], each.chance[known]) for each in (first, second)]
        return rank_agreement(means[0], means[1], np.random.default_rng(seed))

    models = []
    for source in sources:
        own, metrics, differences = compare_chances(click, real.chance, source.chance, np.random.default_rng(seed))
        is_real = source is real
        models.append(
            ScoredModel(
                name=source.name,
                role=source.role,
                rows=source.rows,
                clicks=source.clicks,
                metrics=own if is_real else metrics,
                differences={} if is_real else differences,
                ranking=agreement(real, source),
                true_ranking=agreement(ceiling, source),
                fit_seconds=fit_seconds.get(source.name),
            )
        )
    return tuple(models)
