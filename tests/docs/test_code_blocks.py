"""Every code block of the README and of the guide runs; one that cannot says why, and its commands still parse.

A page is run from top to bottom in an empty folder that holds ``scripts/``, as a reader of a checkout would:
``console`` blocks line by line behind ``$``, ``bash`` blocks as a whole, ``python`` blocks in one namespace per page.
What cannot run here has a comment of the form ``<!-- not run: why -->`` on the line above its fence.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from tabllm.cli.group import Command
from tabllm.cli.main import SECTIONS, cli, main
from tabllm.cli.session import Session

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: What is run. ``text`` is for what is no code.
LANGUAGES = {"bash", "console", "python", "text"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)(?P<title>.*)$")
NOT_RUN = re.compile(r"^ *<!-- not run: (?P<why>.*\S) -->$")
INLINE = re.compile(r"(?<!`)`(tabllm [^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what is in it, and why it is not run, if it is not."""

    page: Path
    line: int
    language: str
    text: str
    why_not: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, lines that go on joined; what stands without ``$`` in a console is output."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        if self.language == "console":
            return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
        return [line for line in joined.splitlines() if line.strip()] if self.language == "bash" else []


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found, start, inside = [], None, []
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if start is None and fence:
            start, inside = (number, fence), []
        elif start is not None and line.strip() == "```":
            above = NOT_RUN.match(lines[start[0] - 2]) if start[0] > 1 else None
            text = textwrap.dedent("\n".join(inside))
            found.append(Block(page, start[0], start[1]["language"], text, above["why"] if above else None))
            start = None
        elif start is not None:
            inside.append(line)
    assert start is None, f"{page}: the block of line {start[0]} has no end"
    return found


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
        fence = FENCE.match(line) is not None
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(b.why_not is None and b.language != "text" for b in blocks_of(page))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.why_not is not None:
            continue
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
        for line in [block.text] if block.language == "bash" else block.commands:
            run(line, block)


@pytest.mark.slow
def test_the_quick_start_of_the_readme_ends_well_in_an_empty_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "README.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = lines.index("## Quick start") + 1
    end = next(i for i, line in enumerate(lines[begin:], begin + 1) if line.startswith("## "))
    commands = [line for block in blocks_of(page) if begin < block.line < end for line in block.commands]
    assert commands[0].startswith("tabllm example ")
    for line in commands:
        run(line, BLOCKS[0])
    out = capfd.readouterr().out
    report = out[out.rindex("Real against synthetic") :]
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
