"""Long histories cut into stretches that are made side by side, so that the longest user does not rule the time.

A step of one user costs nearly as much as one of a thousand: 100,000 events of one history, one after the other, would
take an hour. Each stretch begins as a history does, without events before it; of a thousand transitions one is lost.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tabular.encoding.arrays import on_grid
from tabular.relations.times import DAY

from .layout import Layout

__all__ = ["MAX_STEPS", "joined", "stretches"]

#: Events of a stretch at most.
MAX_STEPS = 1000


def stretches(users: Mapping[str, np.ndarray], layout: Layout) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """``users``, each with more events than :data:`MAX_STEPS` replaced by several that follow each other in time.

    Args:
        users: canonical arrays of the table of users.

    Returns:
        The same arrays, longer, and int64[stretches], the user of each.
    """
    counts = users[layout.count].astype(np.int64)
    parts = -(-counts // MAX_STEPS)
    owner = np.repeat(np.arange(len(counts)), parts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    found = {name: values[owner] for name, values in users.items()}
    if len(owner) == len(counts):
        return found, owner
    of = parts[owner]
    begin, end = number * counts[owner] // of, (number + 1) * counts[owner] // of
    unit = 1.0 if layout.clock.unit == "numbers" else DAY
    first, span = users[layout.first][owner], users[layout.span][owner]
    time, until = (first + span * unit * done / counts[owner] for done in (begin, end))
    several = of > 1
    time = np.where(several & (number > 0), on_grid(time, layout.clock.column), first)
    last_day = np.where(number < of - 1, layout.clock.day(until), layout.clock.day(first) + span)
    found[layout.count] = (end - begin).astype(np.float64)
    found[layout.first] = time
    found[layout.span] = np.where(several, np.maximum(last_day - layout.clock.day(time), 0), span)
    return found, owner


def joined(
    place: np.ndarray, events: Mapping[str, np.ndarray], owner: np.ndarray, time: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Events of stretches as those of users: int64[events], whose each is, ascending, and arrays, each user's in time.

    Args:
        place: int64[events], the stretch of each, ascending.
        owner: int64[stretches], whose each is, ascending.
    """
    place = owner[place]
    if (np.diff(owner) > 0).all():
        return place, dict(events)
    order = np.lexsort((events[time], place))
    return place[order], {name: values[order] for name, values in events.items()}
