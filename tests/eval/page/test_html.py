"""The page holds together without a browser: whole, escaped, labelled, small, and asking nobody for anything."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from eval import Report, compare, write_html
from eval.facts.provenance import provenance, sample_of
from eval.facts.report import Privacy
from eval.judging.findings import headline
from eval.metrics.joints import _axis
from eval.page.elements.markup import element
from eval.page.elements.theme import GRAPHICS, PALETTE, SURFACES, TEXTS
from eval.page.html import page
from eval.preparing.tables import load_tables
from tabular.errors import OutputError, UsageError
from tabular.preparing.inference import infer_schema

VOID = {"meta", "link"}
#: Figures on the page of one table of four columns: distributions, four pairs as joint plots, maps, columns against the
#: target, rows, models, what they rest on, distances, attacks.
ONE = 4 + 3 * 4 + 3 + 3 + 2 + 3 + 1 + 1 + 2


class Tree(HTMLParser):
    """Reads a page strictly: every element that opens closes in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.headings, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), list(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


@pytest.fixture
def made(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)

    def make(seed=1, **options):
        options = {"holdout": people(300, 2), "target": "clicked", **options}
        return compare(people(300, 0), people(300, seed), threads=1, **options)

    return make


def sound(text):
    """The page, checked for what every page must be."""
    tree = Tree(text)
    assert text.startswith("<!DOCTYPE html>")
    identifiers = [a["id"] for _, a, _ in tree.elements if "id" in a]
    assert len(set(identifiers)) == len(identifiers)
    for link in tree.of("a"):
        assert link["href"].removeprefix("#") in identifiers
    # Headings go down one step at a time, from the only h1.
    assert tree.headings.count(1) == 1
    assert tree.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(tree.headings, tree.headings[1:], strict=False))
    # Every drawing has a name, or is silent because the figures stand beside it.
    for drawing in tree.of("svg"):
        assert drawing.get("role") == "img" or drawing.get("aria-hidden") == "true"
    named = len(re.findall(r'<svg [^>]*role="img"[^>]*><title>[^<]+</title><desc>[^<]+</desc>', text))
    assert named == sum(drawing.get("role") == "img" for drawing in tree.of("svg"))
    assert len(tree.of("figure")) == len(tree.of("figcaption"))
    # Nothing comes from elsewhere.
    assert not re.search(r"(?:src|href|action|url)\s*[=(]\s*[\"']?(?!#|data:,)\w*:?//", text)
    assert "http:" not in text
    assert "https:" not in text
    assert not re.search(r"\b(?:NaN|nan|inf|None)\b", re.sub(r"<style>.*?</style>", "", text))
    return tree


def test_one_table(made, tmp_path):
    report = made()
    write_html(report, tmp_path / "report.html")
    tree = sound((tmp_path / "report.html").read_text("utf-8"))
    words = " ".join(tree.words)
    assert f"shape error {report.fidelity.shape_error_percent:.2f} %" in words
    assert f"noise floor {report.fidelity.shape_floor_percent:.2f} %" in words
    assert f"{report.utility.synthetic.metrics['auc']:.4f}" in words
    assert "No formal guarantee" in words
    assert len(tree.of("figure")) == ONE
    assert [a["name"] for a in tree.of("meta") if "name" in a] == ["viewport"]


def test_three_tables(made):
    tree = sound(page({"a": made(1), "b": made(3), "a & b": made(4)}))
    assert len(tree.of("figure")) == 3 * ONE
    words = " ".join(tree.words)
    assert "Side by side" in words
    assert "a & b" in words
    assert len([a for a in tree.of("td") if "best" in a.get("class", "")]) >= 6


def test_protected_columns_and_a_claim_have_their_places(made):
    report = made(protect=["device", "age"], claim=(1.0, 1e-5))
    tree = sound(page({"plain": made(), "guarded": report}))
    words = " ".join(tree.words)
    assert "Bias: gaps between groups" in words
    assert report.bias.caveat in words
    assert report.privacy.claim.words in words
    assert report.privacy.membership.caveat in words
    for gap in report.bias.columns[0].gaps:
        assert f"{100 * gap.widened.value:+.1f}" in words
    # of each column: the gaps, and shares of rows, of the label and of what the models pick
    assert len(tree.of("figure")) == 2 * ONE + 2 * 4


def test_a_report_that_was_read_from_json_draws_the_same(made):
    report = made()
    assert page(Report.from_dict(report.to_dict())) == page(report)


def test_without_holdout_and_target(people, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    columns = ["age", "income", "device"]
    report = compare(people(100, 0)[columns], people(100, 1)[columns], threads=1)
    words = " ".join(sound(page(report)).words)
    assert "no holdout" in words
    assert "not measured" in words


def test_what_an_older_report_lacks_is_left_out(made):
    report = made()
    utility = replace(report.utility, real=replace(report.utility.real, curves=None))
    distance = replace(report.privacy.distance, histogram=None)
    privacy = Privacy(report.privacy.copies, distance, report.privacy.caveat)
    old = replace(
        report,
        distributions=(),
        joints=(),
        against_target=(),
        utility=utility,
        privacy=privacy,
        detection=None,
        support=None,
    )
    assert len(sound(page(old)).of("figure")) == 4


def test_names_and_values_cannot_become_markup(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    rng = np.random.default_rng(0)
    evil = "<script>alert(1)</script>"
    table = pd.DataFrame(
        {
            evil: rng.choice(["</svg><img src=x onerror=alert(1)>", '"><b>', "&amp;", "\x00\x1b"], 200),
            "a\x07": rng.normal(size=200),
            "'\"": rng.choice([f"]]>{evil}", "]]>ok"], 200),
        }
    )
    report = compare(table, table.sample(frac=1, random_state=1), holdout=table, target="'\"", threads=1)
    text = page({evil: report, "</title>": report})
    tree = sound(text)
    assert len(tree.of("script")) == 1
    assert not tree.of("img")
    assert not tree.of("b")
    assert evil in " ".join(tree.words)
    text.encode("utf-8")
    # pandas 3 holds no lone surrogate in a name, so a report cannot bring one by itself.
    assert element("p", "a\ud800", title="\ud800") == '<p title="\ufffd">a\ufffd</p>'


def test_every_odd_column_at_once(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "empty": np.nan,
            "empty text": pd.Series([None] * 60, dtype=object),
            "constant": 7,
            "when": pd.date_range("2024-01-01", periods=60, freq="7h"),
            "huge": rng.normal(size=60) * 1e28,
            "tiny": rng.normal(size=60) * 1e-9,
            "gaps": np.where(np.arange(60) % 3 == 0, np.nan, np.arange(60) % 5),
            "flag": rng.random(60) < 0.5,
            "": rng.choice(["", " ", "a" * 500], 60),
            "id": [f"U{i:06d}" for i in range(60)],
        }
    )
    sound(page(compare(table, table.sample(frac=1, random_state=0), holdout=table, target="flag", threads=1)))
    collapsed = table.assign(when=pd.NaT, huge=0.0, gaps=np.nan, flag=True)
    sound(page(compare(table, collapsed, target="flag", threads=1)))


def test_nothing_but_gaps():
    table = pd.DataFrame({"a": [None] * 20, "b": [np.nan] * 20})
    sound(page(compare(table, table, holdout=table, threads=1)))


def test_a_regression_has_scores_and_no_curves(made):
    assert "R2" in " ".join(sound(page(made(target="income"))).words)


def test_wide_tables_do_not_make_endless_pages(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 2)
    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.normal(size=60) for i in range(100)}
    lists = {f"c{i}": rng.choice([f"value {j}" for j in range(40)], 60) for i in range(100)}
    table = pd.DataFrame({**numbers, **lists})
    report = compare(table, table.sample(frac=1, random_state=0), holdout=table, target="n0", threads=1)
    text = page(report)
    assert len(text) < 3_000_000
    tree = sound(text)
    assert len(tree.of("figure")) < 60 + 12 + 30 + 20
    assert "30 columns" in " ".join(tree.words)


def test_a_page_that_cannot_be_written_is_refused(made, tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_html(made(), tmp_path / "nowhere" / "report.html")
    with pytest.raises(UsageError, match="no report"):
        write_html({}, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def luminance(colour):
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_that_wcag_asks(theme):
    for surface in SURFACES:
        for names, ratio in ((TEXTS, 4.5), (GRAPHICS, 3.0)):
            for name in names:
                pair = sorted(luminance(PALETTE[each][theme]) for each in (name, surface))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= ratio, (name, surface)


def test_a_page_of_fifteen_columns_is_small(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 20)
    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.gamma(2, 1000 * (i + 1), 3000).round() for i in range(6)}
    lists = {f"c{i}": rng.choice([f"category {j}" for j in range(5 * i + 2)], 3000) for i in range(9)}
    real = pd.DataFrame({**numbers, **lists})
    drawn = real.sample(frac=1, replace=True, random_state=0)
    report = compare(real.head(2000), drawn, holdout=real.tail(1000), target="c0", threads=1)
    one, three = page(report), page(dict.fromkeys("abc", report))
    sound(one)
    assert len(one.encode()) < 700_000
    assert len(three.encode()) < 3_000_000


def test_the_page_says_where_it_comes_from_and_shows_rows_of_both(made, people):
    report = made()
    facts = {"command": "tabllm make <people>.csv", "seed": "0"}
    origin = provenance(facts, people(300, 0), {"": people(300, 1)})
    words = " ".join(sound(page(report, provenance=origin)).words)
    assert "tabllm make <people>.csv" in words
    assert "UTC" in words
    for table in (people(300, 0), people(300, 1)):
        for cell in sample_of(table).rows[0]:
            assert cell in words
    assert "Real rows stand here" in words
    words = " ".join(sound(page(report, provenance=provenance(facts, None, {"": people(300, 1)}))).words)
    assert "Real rows stand here" not in words


def test_cards_lead_to_their_sections_and_say_what_to_do(made):
    report = made()
    bad = replace(report, trends=replace(report.trends, error_percent=50.0))
    tree = sound(page(bad))
    links = [a["href"] for a in tree.of("a") if a.get("class") == "subject"]
    assert links == ["#columns", "#pairs", "#detection", "#utility", "#privacy", "#attacks"]
    assert headline(bad) in " ".join(tree.words)
    assert any(word.startswith("→ ") for word in tree.words)


def test_a_weak_association_is_seen_on_the_map(made):
    report = made()
    pairs = tuple(replace(pair, real_strength=0.1) for pair in report.trends.pairs)
    text = page(replace(report, trends=replace(report.trends, pairs=pairs), joints=()))
    depth = [float(each) for each in re.findall(r'fill-opacity="([\d.]+)"[^>]*><title>[^<]*: \+0\.10<', text)]
    assert len(depth) >= len(pairs)
    assert min(depth) > 0.3
    assert text.count('class="scale"') >= 3 * 7  # what the colours stand for


def test_a_long_table_can_be_searched(made):
    report = made()
    pairs = tuple(replace(report.trends.pairs[0], first=f"c{i}") for i in range(40))
    text = page(replace(report, trends=replace(report.trends, pairs=pairs)))
    assert text.count('class="scroll long"') >= 1
    assert "search" in text[text.rindex("<script>") :]


@pytest.mark.parametrize(("step", "characters"), [("7h", 10), ("1min", 19)])
def test_an_axis_of_instants_names_days_where_they_tell_its_cells_apart(step, characters):
    when = pd.DataFrame(
        {"when": pd.date_range("2026-01-05 02:03:04", periods=200, freq=step).astype(str), "n": range(200)}
    )
    tables = load_tables(when, when, None, infer_schema(when))
    *labels, missing = _axis(tables, "when").labels
    assert missing == "missing"
    assert len(set(labels)) == len(labels) > 5
    assert {len(label) for label in labels} == {characters}
