"""How fast a language model makes rows, and how near that comes to what the machine can do at best."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..lm.engines.base import LmEngine
from ..lm.sampling.sampler import Counter, LmSampler, token_bytes
from ..lm.serialization.base import LmCodec
from .counts import weight_bytes
from .memory import forget_peak, peak_memory

__all__ = ["Speed", "measure_sampling", "must_move", "must_multiply"]


@dataclass(frozen=True)
class Speed:
    """One line of the table.

    Attributes:
        batch: rows in a block at most.
        rows: that were made.
        rows_per_second: with everything: model, draws, shared beginnings.
        tokens_per_second: that went through the model.
        sampled_per_second, forced_per_second: rows' own tokens, drawn ones and given ones (names, separators, tokens
            without a choice), shared ones counted for each row that has them: what a plain decoder would have made.
        tokens_per_row: of a row's text; evaluated_per_row: those that went through the model, per row.
        ms_per_step: milliseconds of a call of the model.
        first_row_ms: until the first row alone is there.
        peak_gb: most memory that this run took of the device; with torch on a processor, that the process took so far.
        gflops: multiply-adds that had to be done, counted twice, in 1e9/s.
        share: of the machine's peak in a matrix product, 0 where that was not measured.
        gigabytes: that had to be read or written, in 1e9 bytes/s.
        bandwidth_share: of the machine's peak in a copy, 0 where that was not measured.
    """

    model: str
    precision: str
    serialization: str
    batch: int
    rows: int
    seconds: float
    rows_per_second: float
    tokens_per_second: float
    sampled_per_second: float
    forced_per_second: float
    tokens_per_row: float
    evaluated_per_row: float
    ms_per_step: float
    first_row_ms: float
    peak_gb: float
    gflops: float
    share: float = 0.0
    gigabytes: float = 0.0
    bandwidth_share: float = 0.0


def measure_sampling(
    engine: LmEngine,
    codec: LmCodec,
    *,
    model: str,
    serialization: str,
    rows: int,
    batch: int,
    seed: int = 0,
) -> Speed:
    """Make ``rows`` rows in blocks of at most ``batch`` and say how fast it went.

    A small run comes first, so that neither fresh memory nor a compiler is measured.
    """
    order = list(range(len(codec.names)))

    def run(count: int, most: int) -> tuple[np.ndarray, float, Counter]:
        sampler = LmSampler(engine, codec, most_rows=most)
        engine.wait()
        start = time.perf_counter()
        made = sampler.sample(count, order, np.random.default_rng(seed))
        engine.wait()
        return made, time.perf_counter() - start, sampler.counter

    forget_peak(engine)
    run(min(batch, 64), batch)
    first = min(run(1, 1)[1] for _ in range(3))
    made, seconds, counter = run(rows, batch)
    drawn, forced = _own_tokens(codec, made)
    flops = must_multiply(engine, counter)
    return Speed(
        model=model,
        precision=engine.precision,
        serialization=serialization,
        batch=batch,
        rows=rows,
        seconds=seconds,
        rows_per_second=rows / seconds,
        tokens_per_second=counter.tokens / seconds,
        sampled_per_second=drawn / seconds,
        forced_per_second=forced / seconds,
        tokens_per_row=(drawn + forced) / rows,
        evaluated_per_row=counter.tokens / rows,
        ms_per_step=1e3 * seconds / max(counter.calls, 1),
        first_row_ms=1e3 * first,
        peak_gb=peak_memory(engine) / 1e9,
        gflops=flops / seconds / 1e9,
        gigabytes=must_move(engine, counter) / seconds / 1e9,
    )


def must_multiply(engine: LmEngine, counter: Counter) -> float:
    """Multiply-adds that a run cannot do without, each counted as two operations.

    Each token that is evaluated once with the matrices of all blocks, attention over the keys that it sees, and the
    rows of the head that its level allows. Norms, activations, draws and copies of keys and values are not counted.
    """
    shape = engine.shape
    attention = 2 * shape.layers * shape.heads * shape.head_width * counter.keys
    return 2.0 * (counter.tokens * shape.body + attention + counter.head * shape.width)


def must_move(engine: LmEngine, counter: Counter) -> float:
    """Bytes that a run cannot do without: the blocks' matrices at each call, and keys and values read and written."""
    weights = counter.calls * engine.shape.body * weight_bytes(engine.precision)
    return weights + float((counter.read + counter.tokens) * token_bytes(engine))


def _own_tokens(codec: LmCodec, made: np.ndarray) -> tuple[int, int]:
    """(drawn, forced) tokens of the rows themselves."""
    levels = [level for automaton in codec.automata for level in automaton.levels]
    present = (made >= 0).sum(axis=0)
    drawn = int(sum(count for count, level in zip(present, levels, strict=True) if not level.forced))
    return drawn, int(codec.tokens_per_row(made).sum()) - drawn
