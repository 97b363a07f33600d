"""Which channels lead to conversions: last touch, and the removal effect of a Markov chain over the paths of users.

A path is the channels of a user's events up to a conversion, that event's own channel included, or up to the user's
last event. In the chain start -> channels -> conversion or nothing, a channel's removal effect is the fraction of
conversions that is lost if every visit to it leads to nothing (Anderl, Becker, von Wangenheim and Schumann, IJRM 2016).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabular.encoding.cells import grid_step
from tabular.errors import UsageError
from tabular.relations.log import EventLog
from tabular.schema import Column

from ...facts.estimates import Estimate
from .facts import Attribution, Credit

__all__ = ["attribution"]

#: Channels that are distinguished, the most frequent ones; all others are one.
MAX_CHANNELS = 20
#: Draws of users for the intervals.
RESAMPLES = 400


def attribution(real: EventLog, synthetic: EventLog, conversion: str, channel: str, *, seed: int = 0) -> Attribution:
    """Conversions by channel in both logs.

    Args:
        conversion: a column of events and the value that is a conversion: ``COL=VALUE``; without a value a number above
            0, ``true``, or the rarer of two values.
        channel: a column of categories.

    Raises:
        UsageError: if there is no such column or value, or no conversion in the real log.
    """
    name, _, value = conversion.partition("=")
    name = conversion if conversion in real.schema else name
    for option, column in (("conversion", name), ("channel", channel)):
        if column not in real.schema or column in (real.by, real.time):
            raise UsageError(
                f"--{option} names {column!r}, which is no column of events; choose one of "
                f"{', '.join((*real.user_columns, *real.event_columns))}."
            )
    if not real.schema[channel].has_categories:
        raise UsageError(f"--channel {channel} is of the kind {real.schema[channel].kind}; a channel is a category.")
    wanted = _converted(real, name, value if name != conversion else "")
    converted = [wanted(log) for log in (real, synthetic)]
    if not converted[0].any():
        raise UsageError(f"No real event is a conversion by --conversion {conversion}; name a value that occurs.")
    labels = _labels(real.schema[channel])
    chains = [_Chain(log, hit, channel, len(labels)) for log, hit in zip((real, synthetic), converted, strict=True)]
    ours, theirs = (chain.credit(np.ones((1, chain.users))) for chain in chains)
    rng = np.random.default_rng([seed, 11])
    # Another real sample as large as the synthetic one differs from this one by the noise of both.
    drawn = [chains[0].credit(chains[0].draw(users, rng)) for users in (chains[0].users, chains[1].users)]

    def estimate(part: int, column: int) -> Estimate:
        point = float(ours[part][0, column])
        low, high = np.nanquantile(drawn[1][part][:, column] - drawn[0][part][:, column], [0.025, 0.975])
        return Estimate(point, max(0.0, point + float(low)), min(100.0, point + float(high)))

    used = np.flatnonzero(chains[0].seen | chains[1].seen)
    credits_ = tuple(
        Credit(labels[code], estimate(1, code), float(theirs[1][0, code]), estimate(2, code), float(theirs[2][0, code]))
        for code in used.tolist()
    )
    by_removal = sorted(credits_, key=lambda credit: -(credit.removal.value or 0.0))
    happened, synthetic_ones = (int(hit.sum()) for hit in converted)
    rate, synthetic_rate = estimate(0, 0), float(theirs[0][0, 0])
    return Attribution(conversion, channel, happened, synthetic_ones, rate, synthetic_rate, tuple(by_removal))


def _labels(column: Column) -> list[str]:
    return [*map(str, column.categories[:MAX_CHANNELS]), "other", "missing"]


def _converted(real: EventLog, name: str, value: str) -> Callable[[EventLog], np.ndarray]:
    """A function from a log to ``bool[rows]``."""
    column = real.schema[name]
    if column.is_numeric:
        try:
            number = float(value) if value else None
        except ValueError:
            raise UsageError(f"--conversion {name}={value}: {name} is a number, and {value!r} is none.") from None
        half = (grid_step(column) or 1e-9) / 2
        if number is None:
            return lambda log: log.arrays[name] > 0
        return lambda log: np.abs(log.arrays[name] - number) < half
    if not column.has_categories:
        raise UsageError(f"--conversion {name} is of the kind {column.kind}; a conversion is a category or a number.")
    written = [str(category) for category in column.categories]
    if value:
        if value not in written:
            raise UsageError(
                f"--conversion {name}={value}: no event has this value; there are {', '.join(written[:8])}."
            )
        return lambda log: log.arrays[name] == written.index(value)
    lower = [text.lower() for text in written]
    if len(written) != 2:
        raise UsageError(
            f"--conversion {name} has {len(written)} values; say which is a conversion: {name}={written[-1]}."
        )
    # Categories stand by frequency: the second is the rarer one.
    yes = next((lower.index(word) for word in ("true", "yes", "1", "1.0") if word in lower), 1)
    return lambda log: log.arrays[name] == yes


class _Chain:
    """The transitions of all paths of a log, by user.

    Attributes:
        users: how many there are.
        seen: bool[channels], which occur.
    """

    def __init__(self, log: EventLog, converted: np.ndarray, channel: str, channels: int) -> None:
        codes = log.arrays[channel].astype(np.int64)
        codes = np.where(codes < 0, channels - 1, np.minimum(codes, channels - 2))
        position = log.position
        begins = (position == 0) | np.append(False, converted[:-1])
        last = np.zeros(len(codes), dtype=bool)
        last[log.last] = True
        nothing = last & ~converted
        # States: the channels, then start, conversion, nothing.
        start, conversion, none = channels, channels + 1, channels + 2
        came_from = np.where(begins, start, np.append(0, codes[:-1]))
        self.width = channels + 3
        self.channels, self.users = channels, len(log.first)
        self.seen = np.bincount(codes, minlength=channels) > 0
        steps = [
            (log.user, came_from * self.width + codes),
            (log.user[converted], codes[converted] * self.width + conversion),
            (log.user[nothing], codes[nothing] * self.width + none),
        ]
        self.user = np.concatenate([user for user, _ in steps])
        self.step = np.concatenate([step for _, step in steps])

    def draw(self, users: int, rng: np.random.Generator) -> np.ndarray:
        """float64[resamples, users of the log]: how often each is drawn, where so many ``users`` are."""
        return rng.multinomial(users, np.full(self.users, 1 / self.users), size=RESAMPLES).astype(np.float64)

    def credit(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(conversion rate of paths, [n, 1]; last touch, removal effect, [n, channels]), in per cent.

        Args:
            weights: float64[n, users].
        """
        width, channels = self.width, self.channels
        counts = np.stack([np.bincount(self.step, each[self.user], minlength=width * width) for each in weights])
        counts = counts.reshape(-1, width, width)
        start, conversion = channels, channels + 1
        touched = counts[:, :channels, conversion]
        last = 100 * touched / np.maximum(touched.sum(1, keepdims=True), 1e-12)
        paths = np.maximum(counts[:, start].sum(1), 1e-12)
        rate = 100 * touched.sum(1) / paths
        moves = counts / np.maximum(counts.sum(2, keepdims=True), 1e-12)
        whole = _chance(moves, channels)
        lost = []
        for channel in range(channels):
            kept = moves.copy()
            kept[:, channel] = 0.0  # whoever comes there is lost
            lost.append(100 * (1 - _chance(kept, channels) / np.maximum(whole, 1e-12)))
        return rate[:, None], last, np.stack(lost, axis=1)


def _chance(moves: np.ndarray, channels: int) -> np.ndarray:
    """float64[n]: the probability of a conversion from the start of chains ``moves: float64[n, states, states]``."""
    between = moves[:, : channels + 1, : channels + 1]
    goal = moves[:, : channels + 1, channels + 1]
    solved = np.linalg.solve(np.eye(channels + 1) - between, goal[..., None])
    return np.asarray(solved[:, channels, 0])
