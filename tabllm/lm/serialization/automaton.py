"""What may stand in a cell, as a layered automaton over a model's tokens.

A value is a path of tokens. Level ``l`` holds the states that a path can be in after ``l`` tokens and, for each
state, which token may follow and where it leads. A token is named by its *choice*: its place among the tokens of
its level. So a cell is a short row of choices, and the model's head is multiplied with the tokens of one level
only, not with its whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["DONE", "NEVER", "Automaton", "Level", "explore", "joined", "restricted", "trie"]

#: In :attr:`Level.step`: the value is complete, and: this token may not follow.
DONE, NEVER = -1, -2


@dataclass(frozen=True, eq=False)
class Level:
    """The choices after ``l`` tokens.

    Attributes:
        tokens: int64[choices], ids in the model's vocabulary.
        step: int32[states, choices], the state of the next level, or :data:`DONE`, or :data:`NEVER`.
        known: bool[states, choices], what the probabilities are normalised over; wider than what may follow where a
            condition restricts it.
        share: float32[states, choices], which fraction of a choice a condition allows, where it is less than all of it:
            a bin of numbers, say, of which some keep the condition; ``None`` where there is no such choice.
    """

    tokens: np.ndarray
    step: np.ndarray
    known: np.ndarray
    share: np.ndarray | None = None

    @cached_property
    def factor(self) -> np.ndarray:
        """float32[states, choices], what a probability is multiplied with: 0 where the choice may not follow."""
        may = (self.step != NEVER).astype(np.float32)
        return may if self.share is None else may * self.share

    @cached_property
    def forced(self) -> bool:
        """Whether no state has a choice."""
        return bool((self.known.sum(axis=1) == 1).all())

    @cached_property
    def ends(self) -> bool:
        """Whether every choice completes the value."""
        return bool((self.step[self.step != NEVER] == DONE).all())

    @cached_property
    def goes_on(self) -> bool:
        """Whether no choice completes the value."""
        return bool((self.step != DONE).all())


@dataclass(frozen=True, eq=False)
class Automaton:
    """The levels of a column; every path begins in state 0 of the first and ends with :data:`DONE`."""

    levels: tuple[Level, ...]

    @property
    def depth(self) -> int:
        """Tokens of the longest value."""
        return len(self.levels)

    @property
    def choices(self) -> int:
        """Choices at all levels together."""
        return sum(len(level.tokens) for level in self.levels)

    def accepts(self, paths: np.ndarray) -> np.ndarray:
        """bool[n]: which rows of choices (int[n, depth], -1 after the end) are values."""
        state = np.zeros(len(paths), np.int64)
        fine = np.ones(len(paths), bool)
        for index, level in enumerate(self.levels):
            running = fine & (state >= 0)
            choice = paths[running, index]
            after = np.full(len(choice), NEVER)
            known = choice >= 0
            after[known] = level.step[state[running][known], choice[known]]
            state[running] = after
            fine &= state != NEVER
        return fine & (state == DONE)


def trie(paths: Sequence[Sequence[int]]) -> tuple[Automaton, np.ndarray]:
    """The automaton of a set of values given as token ids, and their choices: int32[values, depth], -1 = past the end.

    No path may begin with another whole path.
    """
    if not all(map(len, paths)):
        raise ValueError("a value has no token")
    depth = max(map(len, paths))
    ids = np.full((len(paths), depth), -1, np.int64)
    lengths = np.array([len(path) for path in paths])
    ids[np.arange(depth) < lengths[:, None]] = np.concatenate([np.asarray(path, np.int64) for path in paths])
    choices = np.full(ids.shape, -1, np.int32)
    state = np.zeros(len(paths), np.int64)
    levels, states = [], 1
    for index in range(depth):
        running = np.flatnonzero(lengths > index)
        tokens, local = np.unique(ids[running, index], return_inverse=True)
        choices[running, index] = local
        key = state[running] * len(tokens) + local
        last = lengths[running] == index + 1
        step = np.full(states * len(tokens), NEVER, np.int32)
        step[key[last]] = DONE
        inner, number = np.unique(key[~last], return_inverse=True)
        if np.isin(inner, key[last]).any() or len(np.unique(key[last])) < last.sum():
            raise ValueError("a value is the beginning of another, or stands there twice")
        step[inner] = np.arange(len(inner))
        state[running[~last]] = number
        table = step.reshape(states, len(tokens))
        levels.append(Level(tokens, table, table != NEVER))
        states = len(inner)
    return Automaton(tuple(levels)), choices


def explore(
    start: Hashable, successors: Callable[[Hashable], dict[int, Hashable | None]], ids: Callable[[int, int], int]
) -> tuple[Automaton, list[np.ndarray]]:
    """The automaton of a state machine that is given by a function.

    Args:
        successors: state -> symbol -> next state, ``None`` where the value is complete.
        ids: (level, symbol) -> token id.

    Returns:
        The automaton, and for each level int64[choices], the symbol of each choice.
    """
    levels: list[Level] = []
    symbols: list[np.ndarray] = []
    states = [start]
    while states:
        options = [successors(state) for state in states]
        used = sorted({symbol for option in options for symbol in option})
        following = {state: None for option in options for state in option.values() if state is not None}
        number = {state: index for index, state in enumerate(following)}
        step = np.full((len(states), len(used)), NEVER, np.int32)
        for row, option in enumerate(options):
            for symbol, state in option.items():
                step[row, used.index(symbol)] = DONE if state is None else number[state]
        tokens = np.array([ids(len(levels), symbol) for symbol in used], np.int64)
        levels.append(Level(tokens, step, step != NEVER))
        symbols.append(np.array(used, np.int64))
        states = list(number)
    return Automaton(tuple(levels)), symbols


def joined(first: Automaton, second: Automaton) -> Automaton:
    """Values of ``first``, those of full length each followed by a value of ``second``; shorter ones end there."""
    last = first.levels[-1]
    step = np.where(last.step == DONE, 0, last.step).astype(np.int32)
    return Automaton((*first.levels[:-1], Level(last.tokens, step, last.known), *second.levels))


def restricted(whole: Automaton, part: Automaton) -> Automaton:
    """``whole``, kept to the values of ``part``, which are some of its own; its choices are numbered as in ``whole``.

    The probabilities stay normalised over all that ``whole`` allows, so that the product along a path is the
    value's own probability, not the one that is left after each forbidden turn was taken away.
    """
    levels: list[Level] = []
    pairs = np.zeros((1, 2), np.int64)
    for wide, narrow in zip(whole.levels, part.levels, strict=False):
        if not len(pairs):
            break
        position = np.searchsorted(wide.tokens, narrow.tokens) if _ascending(wide.tokens) else _places(wide, narrow)
        mine = np.full((len(pairs), len(wide.tokens)), NEVER, np.int64)
        mine[:, position] = narrow.step[pairs[:, 1]]
        theirs = wide.step[pairs[:, 0]].astype(np.int64)
        row, choice = np.nonzero(mine >= 0)
        after = np.stack([theirs[row, choice], mine[row, choice]], axis=1)
        following, number = np.unique(after, axis=0, return_inverse=True)
        step = np.where(mine == DONE, DONE, NEVER).astype(np.int32)
        step[row, choice] = number.ravel()
        levels.append(Level(wide.tokens, step, wide.known[pairs[:, 0]]))
        pairs = following
    return Automaton(tuple(levels))


def _ascending(tokens: np.ndarray) -> bool:
    return bool((np.diff(tokens) > 0).all())


def _places(wide: Level, narrow: Level) -> np.ndarray:
    order = np.argsort(wide.tokens)
    return order[np.searchsorted(wide.tokens, narrow.tokens, sorter=order)]
