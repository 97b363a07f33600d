"""The terminal shows the figures of the report, at any width and in any encoding."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from eval import compare
from eval.facts.report import Detection, EpsilonClaim, Estimate
from eval.judging.findings import advice, by_excess, headline, lost_relations
from eval.judging.verdicts import verdicts
from eval.screen.report import render
from eval.screen.tables import print_table


@pytest.fixture
def report(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    return compare(
        people(300, 0), people(300, 1), holdout=people(300, 2), target="clicked", protect=["device", "age"], threads=1
    )


def text_of(report, width, encoding="utf-8", **options):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)  # strict: a glyph it cannot write fails the test
    render(report, Console(file=stream, width=width), **options)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(report, width):
    assert max(len(line) for line in text_of(report, width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_figures_stand_in_it(report, width):
    text = text_of(report, width)
    assert f"{report.fidelity.shape_error_percent:.2f} %" in text
    assert f"{report.trends.error_percent:.2f} %" in text
    assert f"{report.detection.score:.3f}" in text
    assert f"{report.utility.synthetic.metrics['auc']:.4f}" in text
    assert f"{report.utility.real.metrics['auc']:.4f}" in text
    assert f"{100 * report.privacy.distance.share_closer_to_real:.1f} %" in text
    assert "No formal guarantee" in text
    assert all(verdict.word in text for verdict in verdicts(report))


def test_an_ascii_terminal_gets_ascii(report):
    assert text_of(report, 80, "ascii").isascii()


def test_lists_are_cut_at_the_limit_and_say_so(report):
    assert "and 4 more" in text_of(report, 100, limit=2)  # 6 pairs


def test_verdicts_do_not_hang_on_colour_alone(report):
    bad = replace(report, detection=Detection(0.0, 1.0, 0.0, 0.0, 1.0, 300, 5))
    assert "✗ Detection" in text_of(bad, 100)


def test_what_was_not_measured_is_open(report):
    open_report = replace(report, detection=None, utility=None, privacy=None, bias=None)
    assert [v.level for v in verdicts(open_report)][2:] == ["open", "open", "open", "open"]
    assert "not measured" in text_of(open_report, 80)


def test_one_ruined_pair_is_not_hidden_by_a_good_mean(report):
    pairs = [replace(pair, error_percent=1.0, floor_percent=1.0) for pair in report.trends.pairs]
    pairs[0] = replace(pairs[0], error_percent=50.0)
    ruined = replace(report, trends=replace(report.trends, error_percent=1.0, floor_percent=1.0, pairs=tuple(pairs)))
    assert verdicts(ruined)[1].level == "poor"


def test_markup_in_names_is_printed_as_it_is(report):
    column = replace(report.fidelity.columns[0], name="[red]x[/]")
    fidelity = replace(report.fidelity, columns=(column,))
    assert "[red]x[/]" in text_of(replace(report, fidelity=fidelity), 100)


def test_the_attacks_and_the_gaps_stand_in_it(report):
    text = text_of(report, 100)
    best = report.privacy.membership.best
    assert f"AUC {best.auc.value:.3f} by {best.name}" in text
    assert f"{100 * best.tpr_at_1.value:.1f} %" in text
    assert f"Epsilon is at least {report.privacy.membership.epsilon.value:.2f}" in text
    assert "singled out, univariate" in text
    assert "Groups of device" in text
    assert "demographic parity" in text
    assert "normalised entropy" in text
    assert "do not prove fairness" in text
    assert f"{report.support.alpha_precision:.3f}" in text


def test_a_leaked_table_is_a_poor_verdict_and_a_fresh_one_is_not(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    real, holdout = people(600, 0), people(600, 2)
    leaked, fresh = (verdicts(compare(real, made, holdout=holdout, threads=1)) for made in (real, people(600, 1)))
    level = {verdict.subject: verdict.level for verdict in leaked}
    assert (level["Privacy"], level["Attack"]) == ("poor", "poor")
    assert {verdict.subject: verdict.level for verdict in fresh}["Attack"] == "good"


def test_a_widened_gap_is_named_in_the_verdict(report):
    column = report.bias.columns[0]
    gap = replace(column.gaps[1], widened=Estimate(0.12, 0.08, 0.2), flagged=True)
    bias = replace(report.bias, columns=(replace(column, name="[b]", gaps=(column.gaps[0], gap)),))
    found = verdicts(replace(report, bias=bias))[-1]
    assert (found.level, found.figure, found.reference) == ("poor", "gap +12.0 points", "[b], label rate")
    assert "[b], label rate" in text_of(replace(report, bias=bias), 100)


def test_a_contradicted_claim_is_said(report):
    claim = EpsilonClaim(1.0, 1e-5, 2.0, True, "The claim is contradicted: so it stands.")
    broken = replace(report, privacy=replace(report.privacy, claim=claim))
    assert "The claim is contradicted" in text_of(broken, 100)
    assert {verdict.subject: verdict.level for verdict in verdicts(broken)}["Attack"] == "poor"


def test_the_verdicts_come_last_with_one_sentence_and_the_details_only_where_asked_for(report):
    short = text_of(report, 80, details=False)
    whole = text_of(report, 80)
    assert whole.endswith(short[short.index(headline(report)) :])
    assert "Notes" not in short
    assert "Notes" in whole


def test_under_each_verdict_that_is_not_good_stands_what_to_do(report):
    pairs = [replace(pair, error_percent=1.0, floor_percent=1.0) for pair in report.trends.pairs]
    at = next(i for i, pair in enumerate(pairs) if {pair.first, pair.second} == {"age", "device"})
    other = next(i for i, pair in enumerate(pairs) if {pair.first, pair.second} == {"device", "clicked"})
    pairs[at] = replace(pairs[at], error_percent=60.0, real_strength=0.5, synthetic_strength=0.1)
    pairs[other] = replace(pairs[other], error_percent=40.0, real_strength=0.4, synthetic_strength=0.0)
    lost = replace(report, trends=replace(report.trends, pairs=tuple(pairs)))
    # The relation with the target goes first, though another is farther off.
    assert [{pair.first, pair.second} for pair in lost_relations(lost)] == [{"device", "clicked"}, {"age", "device"}]
    text = " ".join(text_of(lost, 100, details=False).split())
    assert "✗ Trends" in text
    assert "device no longer goes with clicked (0.40 in real rows, 0.00 in synthetic)" in text
    assert "learn from more rows than 300" in text
    assert headline(lost).startswith("Not good enough yet: Trends")


def test_what_needs_a_holdout_says_how_to_get_one(report):
    bare = replace(report, privacy=None, rows=replace(report.rows, holdout=None))
    assert "--holdout 20%" in text_of(bare, 100, details=False)


def test_every_verdict_that_is_not_good_has_advice(report):
    for level in ("fair", "poor", "open"):
        for verdict in verdicts(report):
            words = advice(report, replace(verdict, level=level))
            assert words, verdict.subject
            assert words.endswith(".")
            assert "\n" not in words


def test_columns_and_pairs_are_sorted_by_what_noise_does_not_explain(report):
    quiet, loud = report.trends.pairs[:2]
    quiet = replace(quiet, error_percent=9.0, floor_percent=8.9)
    loud = replace(loud, error_percent=4.0, floor_percent=1.0)
    assert by_excess([quiet, loud, replace(quiet, error_percent=None)]) == [loud, quiet]


NAMES = ("nano", "tabcascade", "tabddpm", "ctgan", "tvae", "a-rather-long-name-of-a-file")


@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_a_table_too_wide_is_cut_between_columns_and_never_in_a_word(width):
    stream = io.StringIO()
    labels = ("normalised entropy", "combinations that only one row or person has, %")
    rows = [[label, "0.5000", *("105,962" for _ in NAMES), "a-rather-long-name-of-a-file"] for label in labels]
    headers = ["", ">Baseline", *(f">{name}" for name in NAMES), "Best"]
    print_table(Console(file=stream, width=width), headers, rows, repeated=2)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = [word for line in lines for word in line.split() if not set(word) <= {"─"}]
    assert set(words) == {"Baseline", "Best", "0.5000", "105,962", *NAMES, *" ".join(labels).split()}
    assert [words.count(name) for name in NAMES] == [1] * 5 + [3]  # the last is best of two lines
    assert stream.getvalue().count("Baseline") == (1 if width == 300 else stream.getvalue().count("\n\n") + 1)
