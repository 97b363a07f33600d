"""Every code block of the README and of the guide runs; one that cannot says why, and its commands still parse.

How a page is run, and where its outputs stand, is told by ``scripts/run_guide.py``, which writes them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from tabllm.cli.group import Command
from tabllm.cli.main import SECTIONS, cli, main
from tabllm.cli.session import Session

ROOT = Path(__file__).resolve().parents[2]


def _run_guide() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_guide", ROOT / "scripts" / "run_guide.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_guide"] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


guide = _run_guide()
PAGES, Block, blocks_of = guide.PAGES, guide.Block, guide.blocks_of
#: What is run. ``text`` is for what is no code.
LANGUAGES = {"bash", "console", "python", "text"}
INLINE = re.compile(r"(?<!`)`(tabllm [^`]+)`(?!`)")
BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def tabllm_calls(line: str) -> Iterator[list[str]]:
    """The arguments of every ``tabllm`` (or ``python -m tabllm``) in a line of shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    words.whitespace_split, words.commenters = True, "#"
    call: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= set("|;&<>"):
            call.append(word)
            continue
        for begin in (["tabllm"], ["python", "-m", "tabllm"]):
            if call[: len(begin)] == begin:
                yield call[len(begin) :]
        call = []


def check_parses(arguments: list[str], command: click.Command = cli, parent: click.Context | None = None) -> None:
    """Parse as the command line would, and run nothing. Raises :class:`click.UsageError`."""
    name = "tabllm" if parent is None else str(command.name)
    try:
        context = command.make_context(name, list(arguments), parent=parent, obj=Session())
    except click.exceptions.Exit:  # --help and --version print and leave
        return
    if isinstance(command, click.Group):
        _, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None
        check_parses(rest, below, context)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_in_a_language_that_is_run_or_says_why_not(block):
    assert block.language in LANGUAGES, "name the language of the block, or 'text' for what is no code"
    if block.why_not is not None:
        assert block.language != "text", "a text is never run and needs no reason"
        assert len(block.why_not.split()) >= 2, "give a reason"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_code_hides_outside_of_fences(page):
    text = page.read_text(encoding="utf-8")
    outside = "\n".join(line for line, fenced in _lines_outside(text) if not fenced)
    assert not re.findall(r"^ {4,}(?:\$ |tabllm |python |pip |bash )", outside, re.M), "fence it"
    told = len(re.findall(r"<!-- not run", text))
    assert told == sum(block.why_not is not None for block in blocks_of(page)), "a 'not run' stands above no block"


def _lines_outside(text: str) -> Iterator[tuple[str, bool]]:
    fenced = False
    for line in text.splitlines():
        fence = guide.FENCE.match(line) is not None
        yield line, fenced or fence
        fenced ^= fence


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.commands], ids=str)
def test_every_command_of_a_block_parses(block):
    for line in block.commands:
        for arguments in tabllm_calls(line):
            check_parses(arguments)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_every_python_block_compiles(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_command_named_in_a_sentence_exists_with_its_options(page):
    for text in INLINE.findall(page.read_text(encoding="utf-8")):
        for word in re.findall(r"^tabllm ([a-z][a-z-]*)", text):
            assert word in cli.targets, text
            command = cli.get_command(click.Context(cli), word)
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            if not isinstance(command, click.Group):
                asked = re.findall(r"(?<= )--?[a-z][a-z-]*", text)
                assert set(asked) <= known | {"--help"}, text


@pytest.mark.parametrize("name", [name for section in SECTIONS.values() for name in section])
def test_every_example_in_the_help_parses(name):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context, inner = click.Context(command), [command]
    if isinstance(command, click.Group):  # a lazy one, whose ``commands`` are empty
        inner = [command.get_command(context, each) for each in command.list_commands(context)]
        assert inner
    for each in inner:
        assert isinstance(each, Command)
        for line in each.examples:
            for arguments in tabllm_calls("" if line.startswith("#") else line):
                check_parses(arguments)


def test_a_command_that_is_no_more_is_noticed():
    assert list(tabllm_calls("tabllm fit 'a b.csv' -m x | head && python -m tabllm info run  # look")) == [
        ["fit", "a b.csv", "-m", "x"],
        ["info", "run"],
    ]
    check_parses(["models", "list"])
    for arguments in (["fitt", "a.csv"], ["fit"], ["fit", "a.csv", "--no-such-option"], ["models", "lost"]):
        with pytest.raises(click.UsageError):
            check_parses(arguments)


def test_an_output_stands_under_its_command_and_is_cut_as_it_was(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\n```console\n$ a \\\n    -b\n1\n...\n9\n$ c\n$ d\n...\n```\n\n```python\nx\n```\n\n"
        '```text title="Output"\nold\n```\n'
    )
    made = {"a -b": "1\n2\n3\n4\n", "c": "none is shown\n", "d": "5\n6\n"}
    found = list(guide.outputs_of(page, lambda line, _: made[line], lambda *_: "new\n"))
    assert [(index, shown) for _, index, shown, _ in found] == [(0, "1\n...\n9"), (1 + 1, "..."), (0, "old")]
    outputs = {(block.line, index): guide.like(shown, now) for block, index, shown, now in found}
    written = guide.written(page, outputs)
    assert "$ a \\\n    -b\n1\n...\n4\n$ c\n$ d\n5\n6\n```" in written
    assert '```text title="Output"\nnew\n```' in written


@pytest.fixture
def ran(tmp_path, monkeypatch, capfd) -> Callable[[Path], dict[str, list[tuple[str, str]]]]:
    """``ran(page)`` runs a page; command -> (the output that stands under it, that of now)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    names: dict[str, object] = {"__name__": "__main__"}

    def printed() -> str:
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return err + out

    def shell(line: str, block: Block) -> str:
        printed()
        run(line, block)
        return printed()

    def python(text: str, block: Block) -> str:
        printed()
        exec(compile(text, str(block), "exec"), names)
        return printed()

    return lambda page: {
        f"{block}, {index}": (shown, made) for block, index, shown, made in guide.outputs_of(page, shell, python)
    }


@pytest.fixture
def brief(monkeypatch):
    """Fits of some steps and judges of some trees: the guide's pages show how things are called."""
    from tabllm.nano import table_lm
    from tabular.neural.base import NeuralSynthesizer

    plan, planned = table_lm.plan_training, NeuralSynthesizer._planned_steps
    monkeypatch.setattr(table_lm, "plan_training", lambda rows, **options: plan(rows, **{**options, "steps": 20}))
    monkeypatch.setattr(NeuralSynthesizer, "_planned_steps", lambda self, rows: min(planned(self, rows), 20))
    monkeypatch.setattr("eval.preparing.features.TREES", 10)


def same_kind(shown: str, made: str) -> bool:
    """Whether most lines of ``shown`` come again: as far as their first number, since numbers are another's."""
    begins = [begin for line in shown.splitlines() if len(begin := _words(line)) > 3 and line != guide.CUT]
    now = {_words(line) for line in made.splitlines()}
    return sum(any(line.startswith(begin) for line in now) for begin in begins) >= len(begins) / 2


def _words(line: str) -> str:
    """The first words, without the mark of a verdict: up to a number or the name of a column, or what was found."""
    return " ".join(re.split(r"[\d']", re.sub(r"^[✓~✗?] ", "", line))[0].split()[:5])


def test_an_output_of_another_kind_is_noticed():
    shown = "✓ Columns    shape error 0.53 %\nLearned 6,400 rows in 44 s"
    assert same_kind(shown, "~ Columns    shape error 3 %       noise\nLearned 12 rows in 1.5 s")
    assert not same_kind(shown, "Rows: 12")
    assert not same_kind(shown, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES[1:] if any(b.why_not is None and b.language != "text" for b in blocks_of(page))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_page_runs_from_top_to_bottom_and_shows_what_is_printed(page, ran, brief):
    for where, (shown, made) in ran(page).items():
        assert same_kind(shown, made), f"{where} prints something else now: run scripts/run_guide.py\n{made}"


@pytest.mark.slow
def test_the_readme_runs_and_its_quick_start_ends_well(ran):
    """The README whole, in an empty folder; its quick start is the first thing in it that runs."""
    outputs = ran(PAGES[0])
    assert all(same_kind(shown, made) for shown, made in outputs.values())
    (made,) = (made for shown, made in outputs.values() if "Real against synthetic" in shown)
    report = made[made.rindex("Real against synthetic") :]
    marks = re.findall(r"^([✓~✗?]) (Columns|Trends|Detection|Utility|Privacy|Attack) ", report, re.M)
    assert len(marks) == 6, report
    assert {mark for mark, _ in marks} <= {"✓", "~"}, report
    assert report.count("→ ") == sum(mark == "~" for mark, _ in marks), report


def run(line: str, block: Block) -> None:
    """One command, or a whole bash block; a plain ``tabllm`` in this process, which has its libraries loaded."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    words.whitespace_split, words.commenters = True, "#"
    if line.startswith("tabllm ") and "\n" not in line and not any(set(word) <= set("|;&<>") for word in words):
        with pytest.raises(SystemExit) as left:
            main(next(tabllm_calls(line)))
        assert not left.value.code, f"{block}: {line}"
        return
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True)
    assert done.returncode == 0, f"{block}: {line}\n{done.stderr}"
    sys.stdout.write(done.stderr + done.stdout)
