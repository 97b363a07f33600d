"""Families of which more are made than are wanted, and what is left of them: see :mod:`tabllm.choosing.families`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from tabular.progress import Reporter
from tabular.schema import Schema

from ..choosing.families import LEAST, Families, FamilyChooser, families_to_learn, sentence
from .learning import Learned
from .making import Made
from .run_files import Run

__all__ = ["chosen_families", "fit_choosers"]

#: Families that are made for each one that is wanted; sampling takes as many times as long.
TIMES = 3.0


class Make(Protocol):
    """Makes a table: of so many rows, or of those that belong to its parent's in ``made``."""

    def __call__(self, name: str, rows: int, made: Mapping[str, Made], *, seed: int, progress: Reporter) -> Made: ...


def fit_choosers(
    run: Run, known: Mapping[str, Learned], make: Make, *, seed: int, progress: Reporter
) -> dict[str, FamilyChooser]:
    """What chooses among families of each table without a parent, where trees tell these.

    Args:
        known: the tables that were learned.
        make: makes rows of the run.
    """
    found = {}
    for number, root in enumerate(run.graph.roots):
        children = _children(run, root)
        size = run.plans[root].rows
        if not children or size < LEAST:
            continue
        schemas = {name: _seen_columns(run, name) for name in (root, *children)}
        learned = Families(size, known[root].arrays, {c: (known[c].owner, known[c].arrays) for c in children})
        rows = families_to_learn(size, sum(run.plans[name].rows for name in children))
        # No seed that a user would take: whoever chooses should not have seen what is chosen among.
        drawn = int(np.random.default_rng([seed, number, 7]).integers(1 << 31))
        made: dict[str, Made] = {}
        for name in (root, *children):
            made[name] = make(name, rows, made, seed=drawn, progress=progress)
        chooser = FamilyChooser.fit(
            learned,
            _families(made, root, children),
            schemas[root],
            {name: schemas[name] for name in children},
            seed=seed,
        )
        if chooser is not None:
            found[root] = chooser
            progress.note(sentence(f"rows of {root} with their {' and '.join(children)}", TIMES))
    return found


def chosen_families(
    chooser: FamilyChooser,
    root: str,
    wanted: int,
    make: Callable[[str, int, Mapping[str, Made]], Made],
    rng: np.random.Generator,
) -> dict[str, Made]:
    """``wanted`` rows of ``root``, and those of the children that ``chooser`` sees, from more than these."""
    rows, made = round(wanted * TIMES), dict[str, Made]()
    for name in (root, *chooser.children):
        made[name] = make(name, rows, made)
    kept = chooser.choose(_families(made, root, chooser.children), wanted, rng)
    number = np.full(rows + 1, -1, np.int64)  # the last one is of rows without a parent
    number[kept] = np.arange(wanted)
    found = {root: _rows(made[root], kept)}
    for name in chooser.children:
        owner = number[made[name].owner]
        # Of those without a parent as many as go with the others.
        alone = made[name].owner < 0
        stay = (owner >= 0) | (alone & (np.cumsum(alone) <= round(alone.sum() * wanted / rows)))
        found[name] = _rows(replace(made[name], owner=owner), np.flatnonzero(stay))
    return found


def _children(run: Run, root: str) -> tuple[str, ...]:
    """The first children of ``root``, up to one with another parent, which may be made only later."""
    found = []
    for key in run.graph.children(root):
        if run.graph.secondary(key.child):
            break
        found.append(key.child)
    return tuple(found)


def _seen_columns(run: Run, name: str) -> Schema:
    model, own = run.models[name], run.plans[name].own
    columns = () if model is None else (c for c in model.schema if c.name in own)
    return Schema(tuple(c for c in columns if c.kind not in ("text", "identifier")))


def _families(made: Mapping[str, Made], root: str, children: tuple[str, ...]) -> Families:
    of_children = {name: (made[name].owner, made[name].arrays) for name in children}
    return Families(len(made[root].owner), made[root].arrays, of_children)


def _rows(made: Made, rows: np.ndarray) -> Made:
    arrays = {name: values[rows] for name, values in made.arrays.items()}
    others = {key: place[rows] for key, place in made.others.items()}
    return Made(made.table.iloc[rows].reset_index(drop=True), arrays, made.owner[rows], others)
