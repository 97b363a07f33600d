#!/usr/bin/env python3
"""Run the code blocks of the guide and write what they print under them.

    python scripts/run_guide.py                      # README.md and all pages of docs/
    python scripts/run_guide.py docs/conditions.md   # one page

A page is run from top to bottom in an empty folder that holds ``scripts/``, as a reader of a checkout would:
``console`` blocks line by line behind ``$``, ``bash`` blocks as a whole, ``python`` blocks in one namespace per page.
What cannot run here has a comment of the form ``<!-- not run: why -->`` on the line above its fence.

In a ``console`` block, what stands under a command is its output, and a ``text`` block titled "Output" is that of the
``python`` block above it. Only these are written anew; to show the output of one more command, put a line of ``...``
under it. Where there is such a line, as many lines are shown before and after it as stand there now. Times are left
out: they are another's machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)(?P<title>.*)$")
NOT_RUN = re.compile(r"^ *<!-- not run: (?P<why>.*\S) -->$")
OUTPUT = 'title="Output"'
CUT = "..."
TIMES = re.compile(r"(?<![\d.])(?:\d+ min )?\d[\d.]* s\b|\d[\d,]*(?= rows/s)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what is in it, and why it is not run, if it is not."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    why_not: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_output(self) -> bool:
        """Whether it shows what the Python block above it prints."""
        return self.language == "text" and self.title == OUTPUT

    @property
    def calls(self) -> list[tuple[str, str]]:
        """(command, the output that stands under it) of a shell block; lines that a backslash continues are joined."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        if self.language == "bash":
            return [(line, "") for line in joined.splitlines() if line.strip()]
        if self.language != "console":
            return []
        parts = re.split(r"^\$ ", joined, flags=re.M)[1:]
        return [(command, output.strip("\n")) for command, _, output in (part.partition("\n") for part in parts)]

    @property
    def commands(self) -> list[str]:
        """The commands alone."""
        return [command for command, _ in self.calls]


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
            why_not = above["why"] if above else None
            found.append(Block(page, start[0], start[1]["language"], start[1]["title"].strip(), text, why_not))
            start = None
        elif start is not None:
            inside.append(line)
    assert start is None, f"{page}: the block of line {start[0]} has no end"
    return found


def outputs_of(
    page: Path, shell: Callable[[str, Block], str], python: Callable[[str, Block], str]
) -> Iterator[tuple[Block, int, str, str]]:
    """Run a page; yield (block, index of the call, output as it stands there, output as it is now) where one is shown.

    Args:
        shell, python: run one command or block, in the folder and namespace of the page, and give what it prints.
    """
    printed = ""
    for block in blocks_of(page):
        if block.is_output:
            yield block, 0, block.text, printed
        elif block.why_not is None and block.language == "python":
            printed = python(block.text, block)
        elif block.why_not is None and block.language == "bash":
            shell(block.text, block)
        elif block.why_not is None:
            for index, (command, shown) in enumerate(block.calls):
                made = shell(command, block)
                if shown:
                    yield block, index, shown, made


def like(shown: str, made: str) -> str:
    """As many lines of ``made`` as ``shown`` has before and after its cut; all where it has none."""
    lines = [TIMES.sub("…", line.rstrip()) for line in made.strip("\n").splitlines()]
    before, cut, after = f"\n{shown}\n".partition(f"\n{CUT}\n")
    head, tail = len(before.strip("\n").splitlines()), len(after.splitlines())
    if not cut or not head + tail or head + tail + 1 >= len(lines):
        return "\n".join(lines)
    return "\n".join([*lines[:head], CUT, *lines[len(lines) - tail :]])


def refresh(page: Path) -> bool:
    """Run a page and write its outputs; whether anything changed."""
    environment = {
        **os.environ,
        "COLUMNS": "80",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "scripts").symlink_to(ROOT / "scripts")
        program: list[str] = []

        def called(arguments: list[str], block: Block, **streams: int) -> str:
            done = subprocess.run(arguments, cwd=folder, text=True, env=environment, stdout=subprocess.PIPE, **streams)
            assert done.returncode == 0, f"{block}: {arguments[-1]}\n{done.stdout}"
            return done.stdout

        def shell(line: str, block: Block) -> str:
            return called(["bash", "-euo", "pipefail", "-c", line], block, stderr=subprocess.STDOUT)

        def python(text: str, block: Block) -> str:
            # The blocks of a page share their names: what stands above runs again, and prints nothing.
            quiet = "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n"
            above = quiet + textwrap.indent("\n".join(program) or "pass", "    ")
            program.append(text)
            return called([sys.executable, "-c", f"{above}\n{text}"], block)

        found = {
            (block.line, index): like(shown, made) for block, index, shown, made in outputs_of(page, shell, python)
        }
    old = page.read_text(encoding="utf-8")
    new = written(page, found)
    page.write_text(new, encoding="utf-8")
    return new != old


def written(page: Path, outputs: dict[tuple[int, int], str]) -> str:
    """The text of a page with other ``outputs``, by the line of their block and the index of the call in it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in reversed(blocks_of(page)):
        inside = {index: text.splitlines() for (line, index), text in outputs.items() if line == block.line}
        if inside:
            end = next(number for number in range(block.line, len(lines)) if lines[number].strip() == "```")
            lines[block.line : end] = inside[0] if block.is_output else _session(lines[block.line : end], inside)
    return "\n".join(lines) + "\n"


def _session(source: list[str], outputs: dict[int, list[str]]) -> list[str]:
    """The lines of a ``console`` block with other outputs."""
    body: list[str] = []
    call, in_command = -1, False
    for line in source:
        of_command = in_command or line.startswith("$ ")
        call += line.startswith("$ ")
        in_command = of_command and line.endswith("\\")
        if of_command or call not in outputs:
            body.append(line)
        if of_command and not in_command:
            body += outputs.get(call, [])
    return body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, help="all if absent")
    for page in parser.parse_args().pages or PAGES:
        page = page.resolve()
        if any(block.is_output or any(shown for _, shown in block.calls) for block in blocks_of(page)):
            print(f"{page.relative_to(ROOT)}: {'written' if refresh(page) else 'as it was'}")


if __name__ == "__main__":
    main()
