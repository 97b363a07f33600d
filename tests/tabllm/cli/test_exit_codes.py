"""Every command ends with 2 where it is used wrongly and with 1 where it fails, and says why in one line."""

from __future__ import annotations

import shlex

import pytest

from tabllm.cli.main import SECTIONS

USAGE = """
--nope
nope
generate
fit
fit lost.csv
fit visits.csv --nope
fit visits.csv -m nope
fit visits.csv --epochs 0
fit visits.csv --epochs x
fit visits.csv --steps -1
fit visits.csv --seed x
fit visits.csv --batch-size 0
fit visits.csv --holdout 200%
fit visits.csv --holdout 5000
fit visits.csv --kind age
fit visits.csv --kind age=nope
fit visits.csv --kind lost=integer
fit visits.csv --drop lost
fit visits.csv --device toaster
fit visits.csv --engine toaster
fit visits.csv --target lost
fit visits.csv -m tabddpm --target lost
fit visits.csv --dp-epsilon -1
fit visits.csv --dp-epsilon 3 --dp-delta 2
fit visits.csv --rare-below -1
fit visits.csv --delimiter abc
fit visits.csv --encoding nope
fit visits.csv --format nope
fit visits.csv --settings lost.json
fit visits.csv --schema lost.json
fit visits.csv --serialization nope
fit visits.csv --log nope
fit visits.csv --lora-layers 0
fit visits.csv -m gpt2 --lora-scale 0
fit visits.csv -m gpt2 --lora-dropout 1
sample
sample lost-run -o x.csv
sample visits.csv -o x.csv
sample visits-run
sample visits-run -n 0 -o x.csv
sample visits-run -n x -o x.csv
sample visits-run -w lost=1 -o x.csv
sample visits-run -w age>= -o x.csv
sample visits-run -w age>=900 -o x.csv
sample visits-run -w clicked=maybe -o x.csv
sample visits-run --balance lost -o x.csv
sample visits-run --fair clicked -o x.csv
sample visits-run --device toaster -o x.csv
sample visits-run -m gpt2 -o x.csv
sample visits.csv --prompt-only -o x.csv
sample visits.csv --prompt-only -m nano -o x.csv
sample visits-run -o x.zzz
sample visits-run -o visits.csv
impute
impute visits-run
impute visits-run lost.csv -o x.csv
impute lost-run visits.csv -o x.csv
impute visits-run visits.csv -o visits.csv
extend
extend visits.csv visits.csv -o x.csv
score
score lost-run visits.csv
score visits.csv visits.csv
eval
eval visits.csv
eval visits.csv lost.csv
eval lost-run
eval visits.csv visits.csv --target lost
eval visits.csv visits.csv --protect lost
eval visits.csv visits.csv --drop lost
eval visits.csv visits.csv --holdout lost.csv
eval visits.csv visits.csv --protocol nope
compare
compare lost.csv
compare visits.csv -m nope
compare visits.csv -m ''
compare visits.csv --target lost
compare visits.csv --epochs 0
compare visits.csv --holdout lost.csv
compare visits.csv -n 0
compare visits.csv --device toaster
compare visits.csv --rule "age > 30"
augment
augment visits.csv
augment visits.csv --target clicked
augment lost.csv --target clicked --raise-to 20% -o x.csv
augment visits.csv --target lost --raise-to 20% -o x.csv
augment visits.csv --target age --raise-to 20% -o x.csv
augment visits.csv --target clicked --raise-to 200% -o x.csv
augment visits.csv --target clicked --raise-to 1% -o x.csv
augment visits.csv --target clicked --label nope --raise-to 20% -o x.csv
augment visits.csv --target clicked --raise-to 20% -m nope -o x.csv
augment visits.csv --target clicked --raise-to 20% --rows 5 -o x.csv
augment visits.csv --target clicked --raise-to 20% --run lost-run -o x.csv
augment visits.csv --target clicked --study --ratios x
augment visits.csv --target clicked --study --device toaster
augment visits.csv --target clicked --study --no-rule "age > 300"
augment visits.csv --target clicked --raise-to 20% --rule "age > 30" -o x.csv
augment visits.csv --target clicked --raise-to 20% --run visits-run --rule "age > 0" -o x.csv
ctr
ctr lost.csv --click clicked
ctr visits.csv --click lost
ctr visits.csv --click device
ctr visits.csv --click clicked --time lost
ctr visits.csv --click clicked -m nope
ctr visits.csv --click clicked --synthetic lost.csv
ctr visits.csv --click clicked --test-share 200%
ctr visits.csv --click clicked --device toaster
tune
tune lost.csv
tune visits.csv -m nope
tune visits.csv --trials 0
tune visits.csv --set batch_size
tune visits.csv --target lost
tune visits.csv --target clicked --rule "age > 30"
make
make lost.csv
make visits.csv -m nope
make visits.csv -n 0
make visits.csv --holdout 200%
make visits.csv --target lost
make visits.csv --kind age=nope
schema
schema lost.csv
rules
rules lost.csv
rules visits.csv --no-rules --rule "age <"
rules visits.csv --no-rules --rule "age > 30"
fit visits.csv --no-rule "age > 300"
info
info lost-run
info visits.csv
models nope
models pull
models info nope
models quantize nope
models quantize nope --bits 4
export
export lost-run -o x
export lost-run -o x --adapter peft
export visits-run -o x --adapter nope
export visits-run -o x --adapter peft
export visits-run -o x --quantize 3
export visits-run -o x --quantize 4
export visits-run -o x --quantize 4 --adapter peft
bench -n 0
bench -m nope
example x.zzz
example x.csv -n 0
simulate-ads
simulate-ads 0
simulate-ads 100 -o x.zzz
completion
completion nope
demo --nope
demo --rows x
doctor --nope
push
push lost-run ada/visits
push visits-run visits
push visits-run ada/visits --report lost.json
pull
pull visits
"""
FAILURES = """
fit bad.csv -m toy
schema bad.csv
eval visits.csv bad.csv
eval visits.csv visits.csv --html no/such/page.html
impute visits-run bad.csv -o x.csv
make bad.csv -m toy
compare bad.csv -m toy
sample visits-run -o no/such/x.csv
info broken-run
push broken-run ada/visits
push visits-run ada/visits
"""


def lines(text):
    return text.strip().splitlines()


@pytest.fixture
def here(visits, toy, tmp_path):
    """The visits, a run that only has to be there, and what is no table and no run."""
    (tmp_path / "bad.csv").write_text("a,b\n1,2,3\n")
    (tmp_path / "broken-run").mkdir()
    (tmp_path / "broken-run" / "config.json").write_text("{}")
    return tmp_path


@pytest.fixture
def beside_a_run(here, run_tabllm):
    assert run_tabllm("fit", "visits.csv", "-m", "toy").code == 0
    return here


@pytest.mark.parametrize("line", [line for line in lines(USAGE) if "visits-run" not in line])
def test_a_usage_error_exits_with_2(line, here, run_tabllm):
    done = run_tabllm(*shlex.split(line))
    assert done.code == 2, done.err
    assert done.message


def test_a_usage_error_beside_a_run_exits_with_2(beside_a_run, run_tabllm):
    for line in lines(USAGE):
        if "visits-run" in line:
            done = run_tabllm(*shlex.split(line))
            assert (line, done.code) == (line, 2), done.err
            assert done.message


def test_a_failure_exits_with_1(beside_a_run, run_tabllm):
    for line in lines(FAILURES):
        done = run_tabllm(*shlex.split(line))
        assert (line, done.code) == (line, 1), done.err
        assert done.message


def test_no_command_is_left_out():
    tried = {line.split()[0] for line in lines(USAGE)}
    assert {name for section in SECTIONS.values() for name in section} <= tried
