"""What the tests of rows as tokens share: small tokenizers, all paths of an automaton, a table of every kind."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from tokenizers import normalizers

from tabllm.bench.standin import byte_tokenizer
from tabllm.lm.serialization.automaton import DONE, NEVER, Automaton
from tabllm.lm.serialization.base import LmCodec
from tabllm.lm.serialization.digits import DigitCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer

BEGIN = 0
WORDS = ["fine", "good", "bad", "slow", "again", "très", "well"]


def trained(texts: Iterable[str] = (), size: int = 600) -> TextTokenizer:
    """A byte-level BPE tokenizer that has seen ``texts``; without texts it knows single bytes only."""
    return TextTokenizer(byte_tokenizer([f" {text}" for text in texts], tokens=size, special="<s>"), BEGIN)


def lowercase() -> TextTokenizer:
    """Single bytes, of small letters only: values that differ in case alone become equal."""
    pieces = trained()
    pieces.backend.normalizer = normalizers.Lowercase()
    return pieces


def ids_of(automaton: Automaton, choices: np.ndarray) -> list[list[int]]:
    """The token ids of each row of choices."""
    return [
        [int(level.tokens[choice]) for level, choice in zip(automaton.levels, row, strict=True) if choice >= 0]
        for row in choices
    ]


def paths(automaton: Automaton) -> np.ndarray:
    """int32[paths, depth]: the choices of all values, however the automaton allows them."""
    found: list[list[int]] = []
    running: list[tuple[list[int], int]] = [([], 0)]
    for level in automaton.levels:
        turns = [
            ([*path, int(choice)], int(level.step[state, choice]))
            for path, state in running
            for choice in np.flatnonzero(level.step[state] != NEVER)
        ]
        found += [path for path, after in turns if after == DONE]
        running = [(path, after) for path, after in turns if after != DONE]
    assert not running, "a path goes beyond the last level"
    filled = [path + [-1] * (automaton.depth - len(path)) for path in found]
    return np.array(filled, np.int32).reshape(len(found), automaton.depth)


def weights(automaton: Automaton, seed: int = 0) -> list[np.ndarray]:
    """For each level a positive number per token: a model that forgets what came before."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.1, 1, len(level.tokens)) for level in automaton.levels]


def probabilities(automaton: Automaton, choices: np.ndarray, given: list[np.ndarray]) -> np.ndarray:
    """The probability of each row of choices; each turn is normalised over what is ``known`` there."""
    result = np.ones(len(choices))
    for number, row in enumerate(choices):
        state = 0
        for level, weight, choice in zip(automaton.levels, given, row, strict=False):
            if choice < 0:
                break
            result[number] *= weight[choice] / weight[level.known[state]].sum()
            state = level.step[state, choice]
    return result


def every_kind(rows: int, *, missing: bool, seed: int = 0) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table with every kind of column, and the kinds that cannot be told from so few rows."""
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("1968-12-30") + pd.to_timedelta(rng.integers(0, 900 * 86400, rows), unit="s")
    days = pd.Timestamp("2023-12-25") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D")
    alike = ["Married-civ-spouse", "Married-civ", "Married", "Married-AF-spouse", "Single", "Single, never wed"]
    table = pd.DataFrame(
        {
            "id": [f"u{number:06d}" for number in range(rows)],
            "code": rng.choice(["1", "10", "100", "11", "2.5", "-3"], rows),
            "city": rng.choice(["Zürich", "Zürich-Nord", "東京", "東京都", "São Paulo", "x", "naïve 🙂"], rows),
            "status": rng.choice(alike, rows),
            "member": rng.random(rows) < 0.4,
            "age": rng.integers(17, 91, rows),
            "balance": rng.integers(-20_000, 900_000, rows),
            "price": rng.lognormal(3, 1, rows).round(2),
            "ratio": rng.normal(0, 1, rows),
            "steps": rng.choice([0.5, 1.5, 2.0, -7.25], rows),
            "seen": moments.strftime("%Y-%m-%d %H:%M:%S"),
            "minute": moments.floor("min").strftime("%d/%m/%Y %H:%M"),
            "day": days,
            "constant": "always",
            "item": [f"item {number:04d}" for number in rng.permutation(np.arange(rows) % 3000)],
            "note": [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(rows)],
        }
    )
    table["age"] = table["age"].astype("Int64")
    if missing:
        for place, name in enumerate(table.columns):
            if name not in ("id", "constant"):
                gone = np.arange(rows) % 13 == place % 13
                table[name] = table[name].astype(object).mask(gone) if name == "member" else table[name].mask(gone)
    return table, {"item": "categorical", "note": "text", "id": "identifier", "code": "categorical"}


def drawn(automaton: Automaton, count: int, depth: int, seed: int = 0) -> np.ndarray:
    """int32[count, depth]: values drawn turn by turn from what an automaton lets through."""
    rng = np.random.default_rng(seed)
    made = np.full((count, depth), -1, np.int32)
    for row in made:
        state = 0
        for place, level in enumerate(automaton.levels):
            row[place] = rng.choice(np.flatnonzero(level.step[state] != NEVER))
            state = int(level.step[state, row[place]])
            if state == DONE:
                break
        assert state == DONE
    return made


def row_ids(codec: LmCodec, row: np.ndarray, order: Iterable[int] | None = None) -> list[int]:
    """The tokens of one row of choices, written column after column as the definition says."""
    ids: list[int] = []
    before = None
    for column in range(len(codec.names)) if order is None else order:
        ids += codec.lead(column, before) + ids_of(codec.automata[column], row[None, codec.spans[column]])[0]
        before = column
    return ids


def values_of(codec: DigitCodec, steps: Iterable[int]) -> np.ndarray:
    """Whole numbers of steps as values of the column, and a missing cell where there may be one."""
    scale = 10.0 ** abs(codec.decimals)
    numbers = np.array(list(steps), np.float64)
    numbers = numbers / scale if codec.decimals >= 0 else numbers * scale
    return np.append(numbers, np.nan) if codec.missing else numbers


def all_values(codec: DigitCodec, automaton: Automaton | None = None) -> list[float]:
    """Every value that an automaton lets through, ascending; missing ones left out."""
    found = paths(automaton or codec.automaton)
    padded = np.full((len(found), codec.automaton.depth), -1, np.int32)
    padded[:, : found.shape[1]] = found
    decoded = codec.decode(padded)
    assert len({tuple(row) for row in padded.tolist()}) == len(padded)
    return sorted(decoded[~np.isnan(decoded)].tolist())


def instant(text: str) -> float:
    return float(np.datetime64(text, "s").astype(np.int64))
