"""``tabllm ctr``: the past is learned and the future judged, and known answers come out."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.utils import murmurhash3_32

from eval.facts.estimates import Estimate
from tabllm.ads.facts import ScoredModel
from tabllm.ads.features import BUCKETS, buckets, features_of, layout_of
from tabllm.ads.model import CtrModel
from tabllm.ads.page import page
from tabllm.ads.scores import compare_chances, mean_by_ad, rank_agreement
from tabllm.ads.simulator import CLICK, TIME, TRUTH, simulate_ads
from tabllm.ads.splitting import click_labels, split_log
from tabllm.ads.study import guess_ad, study_ctr
from tabllm.ads.tables import DIFFERENCES, ctr_tables, verdict
from tabular.errors import TableError, UsageError
from tabular.preparing.inference import infer_schema


@pytest.fixture(scope="module")
def log():
    return simulate_ads(12_000, seed=1, ads=40, click_rate=0.1, truth=True)


@pytest.fixture(scope="module")
def split(log):
    return split_log(log, click=CLICK, time=TIME, truth=TRUTH)


@pytest.fixture(scope="module")
def report(split):
    """The real past against itself, and against one whose clicks are dealt out anew."""
    shuffled = split.past.assign(click=np.random.default_rng(0).permutation(split.past[CLICK]))
    return study_ctr(split, {"copy": split.past, "shuffled": shuffled}, click=CLICK, time=TIME, ad="ad_id", threads=1)


def by_name(report):
    return {model.name: model for model in report.models}


def test_no_test_row_is_older_than_a_past_row(split, log):
    assert split.past[TIME].max() < split.test[TIME].min()
    assert len(split.test) == pytest.approx(0.2 * len(log), abs=5)
    assert TRUTH not in split.past
    assert len(split.truth) == len(split.test)
    assert split.test_from == str(split.test[TIME].iloc[0])


def test_the_order_of_the_rows_in_the_file_does_not_matter(split, log):
    again = split_log(log.sample(frac=1, random_state=0), click=CLICK, time=TIME, truth=TRUTH)
    assert sorted(again.test[TIME]) == sorted(split.test[TIME])


def test_rows_of_one_moment_are_never_parted():
    day = np.repeat(np.arange(10), 100)
    table = pd.DataFrame({"day": day, "click": np.tile([0, 1], 500), "x": np.arange(1000) % 7})
    split = split_log(table, click="click", time="day", test_share=0.25)
    assert set(split.past["day"]) & set(split.test["day"]) == set()
    assert set(split.test["day"]) == {7, 8, 9}


def test_without_a_time_the_rows_are_parted_by_the_seed_and_it_is_said(log):
    first, again, other = (split_log(log, click=CLICK, truth=TRUTH, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first.test, again.test)
    assert not first.test.equals(other.test)
    assert "at random with seed 0" in first.notes[0]


@pytest.mark.parametrize(
    ("values", "click"),
    [
        ([0, 0, 1], "1"),
        ([1, 1, 0], "1"),
        ([False, True, True], "1"),
        (["no", "yes", "no"], "yes"),
        ([0.0, 1.0, None], "1"),
    ],
)
def test_which_value_is_a_click(values, click):
    clicked, positive = click_labels(pd.Series(values), "c")
    assert positive == click
    expected = [
        str(int(v)) == click if isinstance(v, (int, float, bool)) else v == click for v in values if v is not None
    ]
    assert clicked[: len(expected)].tolist() == expected


def test_a_column_of_three_values_is_no_click():
    with pytest.raises(UsageError, match="has 3 values"):
        click_labels(pd.Series([0, 1, 2]), "c")


def test_a_part_without_clicks_is_refused(log):
    with pytest.raises(TableError, match=r"test has .* with 0 clicks"):
        split_log(log.assign(click=(np.arange(len(log)) < 500).astype(int)), click=CLICK, time=TIME)


def test_a_value_falls_into_the_bucket_of_its_hash_in_every_table():
    found = buckets(pd.Series(["a", "b", None, "a"]), "ad")
    assert found[0] == found[3] == murmurhash3_32("ad=a", seed=0, positive=True) % BUCKETS
    assert len(set(found[:3])) == 3
    assert (buckets(pd.Series([1, 2]), "ad") == buckets(pd.Series([1.0, 2.0]), "ad")).all()
    assert buckets(pd.Series(["a"]), "ad")[0] != buckets(pd.Series(["a"]), "task")[0]


def test_quantities_are_read_as_they_are_ids_hashed_and_of_time_the_hour_and_the_weekday(split):
    layout = layout_of(infer_schema(split.past), CLICK, TIME)
    assert layout.quantities == ("age", "device_size")
    assert layout.datetimes == (TIME,)
    assert {"ad_id", "task_id", "slot_id", "city_rank"} <= set(layout.hashed)
    features = features_of(split.past, layout)
    assert features.quantities.shape == (len(split.past), 2)
    assert features.buckets.shape == (len(split.past), len(layout.hashed) + 2)
    hours = {int(b) for b in features.buckets[:, -2]}
    assert len(hours) == 24


def test_a_column_of_row_numbers_is_left_out_and_told_of(split):
    past = split.past.assign(row_id=np.arange(len(split.past)))
    assert layout_of(infer_schema(past), CLICK, TIME).left_out == ("row_id",)


def test_the_model_comes_near_the_ceiling_where_clicks_are_many():
    log = simulate_ads(60_000, seed=2, ads=10, click_rate=0.3, truth=True)
    split = split_log(log, click=CLICK, truth=TRUTH)
    layout = layout_of(infer_schema(split.past), CLICK, None)
    model = CtrModel(threads=1).fit(features_of(split.past, layout), split.past[CLICK].to_numpy() == 1)
    clicked = split.test[CLICK]
    ceiling = roc_auc_score(clicked, split.truth)
    assert ceiling - 0.02 < roc_auc_score(clicked, model.predict(features_of(split.test, layout))) < ceiling + 0.005


def test_an_id_that_says_nothing_of_clicks_is_not_learned_by_heart():
    """Every row has an ad of its own nearly: its mean of clicks would be its click, were the row not left out."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"ad": [f"a{i}" for i in rng.integers(3000, size=6000)], "age": rng.integers(18, 80, 6000)})
    click = rng.random(6000) < 0.2
    layout = layout_of(infer_schema(table.assign(click=click)), "click", None)
    assert layout.hashed == ("ad",)
    features = features_of(table, layout)
    model = CtrModel(threads=1).fit(features.take(np.arange(4000)), click[:4000])
    assert 0.45 < roc_auc_score(click[4000:], model.predict(features.take(np.arange(4000, 6000)))) < 0.55
    assert model.predict(features).mean() == pytest.approx(0.2, abs=0.03)


def test_a_table_without_clicks_teaches_only_that():
    features = features_of(*_two_columns())
    assert CtrModel(threads=1).fit(features, np.zeros(30, dtype=bool)).predict(features).tolist() == [0.0] * 30


def _two_columns():
    table = pd.DataFrame({"ad": ["x", "y"] * 15, "click": [0, 1, 0] * 10})
    return table, layout_of(infer_schema(table), "click", None)


def test_the_ceiling_the_real_and_each_synthetic_past_are_told(report, split):
    models = by_name(report)
    assert list(models) == ["ceiling", "real", "redrawn", "copy", "shuffled"]
    clicked = split.test[CLICK].to_numpy()
    assert models["ceiling"].metrics["auc"].value == pytest.approx(roc_auc_score(clicked, split.truth))
    assert models["ceiling"].metrics["predicted_observed"].value == pytest.approx(split.truth.sum() / clicked.sum())
    assert models["ceiling"].metrics["auc"].value > models["real"].metrics["auc"].value > 0.55
    assert report.ceiling_auc == pytest.approx(models["ceiling"].metrics["auc"].value, abs=0.05)


def test_a_copy_of_the_past_does_as_the_past_does(report):
    copy = by_name(report)["copy"]
    assert copy.differences["auc"].value == 0
    assert (copy.differences["auc"].low, copy.differences["auc"].high) == (0, 0)
    assert copy.ranking.correlation.value == pytest.approx(1)
    assert copy.ranking.shared == copy.ranking.top


def test_clicks_dealt_out_anew_teach_nothing(report):
    shuffled = by_name(report)["shuffled"]
    assert shuffled.metrics["auc"].value == pytest.approx(0.5, abs=0.05)
    assert shuffled.differences["auc"].high < 0
    assert shuffled.metrics["normalised_entropy"].value > 0.99
    assert shuffled.metrics["predicted_observed"].value == pytest.approx(1, abs=0.15)
    assert abs(shuffled.true_ranking.correlation.value) < 0.6


def test_every_score_lies_in_its_interval(report):
    for model in report.models:
        for name, estimate in model.metrics.items():
            slack = (
                0.01 if name == "calibration_error" else 0
            )  # it is a sum of sizes, and grows when rows are drawn again
            assert estimate.low - slack <= estimate.value <= estimate.high, (model.name, name)


def test_a_model_that_says_twice_the_chance_is_told_so():
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.01, 0.2, 5000)
    click = rng.random(5000) < chance
    _, doubled, differences = compare_chances(click, chance, 2 * chance, np.random.default_rng(0))
    assert doubled["predicted_observed"].value == pytest.approx(2 * chance.sum() / click.sum())
    assert doubled["calibration_error"].value == pytest.approx(chance.mean(), abs=0.02)
    assert differences["auc"].value == 0
    assert differences["normalised_entropy"].low > 0


def test_the_order_of_ads_is_compared_by_their_means():
    ad = np.repeat(np.arange(20), 40)
    chance = (ad + 1) / 100
    means = mean_by_ad(ad, chance)
    assert means == pytest.approx((np.arange(20) + 1) / 100)
    same, reverse = (rank_agreement(means, other, np.random.default_rng(0)) for other in (means**2, -means))
    assert (same.correlation.value, same.shared, same.top) == (pytest.approx(1), 10, 10)
    assert (reverse.correlation.value, reverse.shared) == (pytest.approx(-1), 0)
    assert mean_by_ad(np.array([0] * 30 + [1] * 29), np.ones(59)).tolist() == [1.0]
    assert rank_agreement(means[:2], means[:2], np.random.default_rng(0)) is None
    assert rank_agreement(means, np.ones(20), np.random.default_rng(0)).correlation.value is None


def test_the_ad_is_guessed_by_its_name():
    assert guess_ad(["x", "Campaign", "adv_id"]) == "adv_id"
    assert guess_ad(["x"]) is None


def test_the_page_has_the_findings_a_plot_of_each_difference_every_figure_and_its_origin(report):
    text = unescape(page(report, {"broken": "it has no rows"}, {"click log": "12,000 rows of ads.csv"}))
    assert text.startswith("<!DOCTYPE html>")
    for model in report.synthetic:
        assert verdict(model) in text
    assert "broken failed: it has no rows" in text
    assert text.count("<figure") == len(DIFFERENCES)
    for table in ctr_tables(report):
        assert table.title in text
        assert all(str(cell) in text for row in table.rows for cell in row)
    assert "12,000 rows of ads.csv" in text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.2, -0.1, "worse"),
        (0.1, 0.2, "better"),
        (-0.01, 0.01, "as well as"),
        (-0.13, 0.01, "too few clicks to be sure"),
    ],
)
def test_the_sentence_says_no_more_than_the_interval_does(low, high, words):
    gap = Estimate((low + high) / 2, low, high)
    model = ScoredModel("x", "synthetic", 10, 1, {"auc": Estimate(0.5)}, {"auc": gap})
    assert words in verdict(model)


def test_nothing_is_said_of_an_auc_that_could_not_be_measured():
    assert "could not be compared" in verdict(ScoredModel("x", "synthetic", 10, 1, {}, {}))


@pytest.fixture
def ads(tmp_path, monkeypatch, log):
    monkeypatch.chdir(tmp_path)
    log.iloc[::4].to_csv("ads.csv", index=False)
    return Path("ads.csv")


def test_the_command_fits_judges_and_writes(ads, toy, run_tabllm):
    arguments = (
        "ctr",
        ads,
        "--click",
        "click",
        "--time",
        "time",
        "-m",
        "toy",
        "--json",
        "c.json",
        "--markdown",
        "c.md",
    )
    done = run_tabllm(*arguments)
    assert done.code == 0, done.err
    facts = json.loads(Path("c.json").read_text())
    assert [model["name"] for model in facts["models"]] == ["ceiling", "real", "redrawn", "toy"]
    assert facts["test_from"]
    assert facts["ad"] == "ad_id"
    text = Path("c.md").read_text()
    for word in ("normalised entropy", "ceiling", "Differences to the real past", "The ads in the same order?", "toy:"):
        assert word in text
    for word in ("normalised", "ceiling", "toy:"):
        assert word in done.out
    assert "true_click_probability" not in pd.read_parquet("ads-ctr/toy/synthetic.parquet")
    toy.trouble["fit"] = AssertionError("fitted again")
    done = run_tabllm(*arguments)
    assert done.code == 0, done.err
    assert "toy: made by an earlier call." in done.err
    rows = Path("ads-ctr/toy/synthetic.parquet")
    whole = rows.read_bytes()
    rows.write_bytes(whole[: len(whole) // 2])
    done = run_tabllm(*arguments)
    assert done.code == 0, done.err
    assert "its rows are made anew" in " ".join(done.err.split())


def test_the_past_is_written_and_a_file_made_from_it_is_judged(ads, run_tabllm):
    done = run_tabllm("ctr", ads, "--click", "click", "--time", "time", "--past", "past.csv")
    assert done.code == 0, done.err
    past = pd.read_csv("past.csv")
    assert TRUTH not in past
    assert len(past) == pytest.approx(0.8 * 3000, abs=5)
    done = run_tabllm("ctr", ads, "--click", "click", "--time", "time", "--synthetic", "past.csv", "--json", "-")
    assert done.code == 0, done.err
    model = json.loads(done.out)["models"][-1]
    assert (model["name"], model["role"]) == ("past", "synthetic")
    assert model["differences"]["auc"]["value"] == 0


def test_one_generator_that_fails_does_not_lose_the_others(ads, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("tabular.neural.ctgan.CTGAN.fit", lambda *_, **__: 1 / 0)
    done = run_tabllm("ctr", ads, "--click", "click", "-m", "ctgan", "-m", "toy", "--json", "c.json")
    assert done.code == 0, done.err
    facts = json.loads(Path("c.json").read_text())
    assert facts["failed"] == {"ctgan": "ZeroDivisionError: division by zero"}
    assert facts["time"] is None
    assert facts["models"][-1]["name"] == "toy"
    assert run_tabllm("ctr", ads, "--click", "click", "-m", "ctgan").code == 1


def test_an_interruption_leaves_what_is_done(ads, toy, run_tabllm):
    toy.trouble["fit"] = KeyboardInterrupt()
    done = run_tabllm("ctr", ads, "--click", "click", "-m", "toy")
    assert done.code == 130
    assert "ads-ctr/ holds what is done" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--click", "clack"], "no column 'clack' for --click"),
        (["--click", "click", "--time", "tim"], "no column 'tim' for --time"),
        (["--click", "click", "--time", "click"], "two things at once"),
        (["--click", "click", "--time", "gender"], "cannot be put in order"),
        (["--click", "click", "--test-share", "2"], "not a fraction such as"),
        (["--click", "click", "--truth", "age"], "true probabilities"),
        (["--click", "age"], "a click is one of two"),
        (["--click", "click", "-m", "tvee"], "did you mean 'tvae'"),
        (["--click", "click", "--synthetic", "other.csv"], "There is no file other.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused(ads, run_tabllm, arguments, words):
    done = run_tabllm("ctr", ads, *arguments)
    assert done.code in (1, 2)
    assert words in done.message
