"""One word for one thing on the command line: options, commands and kinds; what others call them leads there."""

from __future__ import annotations

import re

import click
import pytest

from tabllm.cli.group import SYNONYMS
from tabllm.cli.main import SECTIONS, cli
from tabular.preparing.inference import infer_schema
from tabular.schema import KINDS, kind_hint

NAMES = [name for section in SECTIONS.values() for name in section]


def commands():
    for name in NAMES:
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            context = click.Context(command)
            yield from ((each, command.get_command(context, each)) for each in command.list_commands(context))
        else:
            yield name, command


OPTIONS = [
    (f"{name} {parameter.opts[0]}", parameter)
    for name, command in commands()
    for parameter in command.params
    if isinstance(parameter, click.Option) and not parameter.hidden
]


@pytest.mark.parametrize("option", [option for _, option in OPTIONS], ids=[label for label, _ in OPTIONS])
def test_every_help_text_is_a_sentence_that_begins_with_its_term(option):
    words = option.help
    assert re.match(r"[A-Z0-9]", words), words
    assert re.search(r"[.)\]]$", words), words
    clipped = r"(Of|What|Where|Then|Who|The|A|An|Begin|Let|Give|Take|Send|Only|Below) "
    assert not re.match(clipped, words), words


def shown(option, context):
    record = option.get_help_record(context)
    return record[0] if record else ""


@pytest.mark.parametrize(
    ("spelling", "term"),
    [("--rows", "Rows "), ("-n", "Rows "), ("--train-rows", "Training rows"), ("--balance", "Balanced columns")],
)
def test_a_spelling_has_one_meaning(spelling, term):
    found = [
        (name, parameter)
        for name, command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and re.search(rf"(^|[ ,]){spelling}\b(?!-)", shown(parameter, click.Context(command)))
    ]
    assert found
    for name, parameter in found:
        assert parameter.help.startswith(term), name
        if term == "Rows ":
            assert "to generate" in parameter.help, name


def test_one_letter_names_a_generator_everywhere():
    for name, command in commands():
        for parameter in command.params:
            if "-m" in parameter.opts:
                assert "-m, --model NAME" in shown(parameter, click.Context(command)), name


@pytest.mark.parametrize(
    "line",
    [
        ["fit", "visits.csv", "-m", "toy", "--rows", "50", "-o", "old-run"],
        ["compare", "visits.csv", "--models", "toy", "--rows", "60", "--sample", "20"],
        ["augment", "visits.csv", "--target", "clicked", "--balance", "30%", "-m", "toy", "-o", "hybrid.csv"],
    ],
    ids=lambda line: line[0],
)
def test_old_spellings_go_on_working_and_no_help_names_them(line, visits, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    assert run_tabllm(*line).code == 0
    text = run_tabllm(line[0], "--help").out
    assert not re.search(r"^ +.*--(models|sample)\b|^ +--rows\b|^ +--balance\b", text.split("Examples:")[0], re.M)


@pytest.mark.parametrize(("said", "meant"), [("generate", "sample"), ("train", "fit"), ("evaluate", "eval")])
def test_what_others_call_a_command_leads_to_its_name(run_tabllm, said, meant):
    done = run_tabllm(said, "visits.csv")
    assert done.code == 2
    assert f"did you mean '{meant}'?" in done.message


def test_no_synonym_is_a_command_and_each_leads_to_one():
    assert not set(SYNONYMS) & set(NAMES)
    assert set(SYNONYMS.values()) <= set(NAMES)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("int", "integer"), ("float", "continuous"), ("date", "datetime"), ("id", "identifier"), ("intger", "integer")],
)
def test_what_others_call_a_kind_leads_to_its_name(run_tabllm, visits, said, meant):
    assert meant in KINDS
    assert kind_hint(said) == f"did you mean {meant!r}?"
    done = run_tabllm("fit", visits, "--kind", f"age={said}")
    assert done.code == 2
    assert f"did you mean {meant!r}?" in done.message


def test_a_kind_that_means_nothing_gets_the_list(visits_table):
    with pytest.raises(Exception, match="choose one of boolean, categorical"):
        infer_schema(visits_table, overrides={"age": "colour"})
