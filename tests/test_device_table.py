"""``scripts/bench_table.py``: the figures of the guide come from files."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import bench_table
from bench_device import KIND
from device_bench.pages import between

ROOT = Path(__file__).parents[1]


def result(**changes):
    lines = {
        "nano": {"fit_seconds": 61.4, "rows_per_second": 12345.6},
        "gpt2 fp32 fit": {"rows_per_second": 51.26, "share": 0.4567},
        "gpt2 fp32 peer fit": {"rows_per_second": 30.0},
        "gpt2 fp32 sample": {"error": "took more than 900 seconds"},
    }
    machine = {"device_name": "Apple M9", "gpu_cores": 16, "memory_gb": 17.2}
    found = {
        "kind": KIND,
        "device": "mlx",
        "tiny": False,
        "machine": machine,
        "versions": {"mlx": "9.1"},
        "lines": lines,
    }
    return {**found, **changes}


def test_a_row_has_the_machines_name_its_figures_and_says_what_is_lacking():
    nano, gpt2, *_ = bench_table.rows_of(result())
    assert nano == [
        "Apple M9, 16 GPU cores, 17 GB, mlx 9.1",
        "nano, Adult",
        "",
        "61 s in all",
        "",
        "",
        "12,346",
        "",
        "",
    ]
    assert gpt2[1:] == ["gpt2", "fp32, full", "51.3", "45.7", "30", "not yet measured", "", "not yet measured"]


def test_a_device_without_a_file_is_not_yet_measured():
    made = bench_table.table([result()])
    assert "Apple M9" in made
    assert "a Mac with Apple silicon" not in made
    unknown = [line for line in made.splitlines() if "an NVIDIA GPU" in line]
    assert len(unknown) == len(bench_table.cases("cuda"))
    assert all(line.count("not yet measured") == 2 for line in unknown), "of fit and of sample"
    assert len({line.count("|") for line in made.splitlines()}) == 1


def test_only_what_stands_between_the_marks_is_replaced():
    begin, end = bench_table.MARKS
    page = f"before\n{begin}\nold\n{end}\nafter\n"
    once = between(page, "new", bench_table.MARKS)
    assert once == page.replace("old", "new")
    assert between(once, "new", bench_table.MARKS) == once
    for lacking in ("no marks", f"{end}\n{begin}", page + page):
        with pytest.raises(ValueError, match="once each"):
            between(lacking, "new", bench_table.MARKS)


@pytest.mark.parametrize(
    ("content", "said"),
    [(result(tiny=True), "measures nothing"), ({"kind": "other"}, "not a file of"), ([1], "not a file of")],
)
def test_a_file_that_is_no_measurement_is_refused(tmp_path, content, said):
    path = tmp_path / "found.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SystemExit, match=said):
        bench_table.read(path)


def test_the_guides_table_is_what_the_measured_files_give():
    files = sorted((ROOT / "docs" / "measured").glob("*.json"))
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    made = bench_table.table([bench_table.read(path) for path in files])
    assert between(page, made, bench_table.MARKS) == page, (
        "run: python scripts/bench_table.py docs/measured/*.json --update docs/benchmarks.md"
    )
