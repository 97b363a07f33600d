"""Histories that are taken from more than are wanted, as :mod:`tabllm.choosing.families` has it: users with events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tabular.progress import Reporter
from tabular.relations.log import EventLog
from tabular.relations.times import DAY
from tabular.schema import Column, Schema

from ..choosing.families import LEAST, Families, FamilyChooser, families_to_learn, sentence
from .asked import Asked
from .layout import Layout

__all__ = ["TIMES", "asks_for_choice", "chosen_histories", "fit_chooser"]

Arrays = dict[str, np.ndarray]
#: Users that are made for each one that is wanted; sampling takes as many times as long. (Of MovieLens, chosen twice,
#: detection was .82 and .87 with 2, .89 and .83 with 2.5, .96 and .89 with 3.)
TIMES = 3.0
EVENTS = "events"
#: What trees see of a history beside its columns: when it begins and how far it goes; of events the gap to the one
#: before (log), the time of day, and whether it is a Saturday or Sunday.
FIRST, SPAN, GAP, CLOCK, WEEKEND = "first time", "span", "gap", "time of day", "weekend"


def asks_for_choice(refine: bool | None, n: int, learned: int, asked: Asked) -> bool:
    """Whether users are chosen: by default without conditions, for up to twice as many as were learned."""
    if refine is None:
        return n <= 2 * learned and not asked.users and not asked.events
    return refine and not asked.events


def fit_chooser(
    log: EventLog,
    layout: Layout,
    make: Callable[[int, int, Callable[[int], None]], tuple[Arrays, np.ndarray, Arrays]],
    *,
    seed: int,
    progress: Reporter,
) -> FamilyChooser | None:
    """What chooses among made users; ``None`` where these are few, or trees do not tell them.

    Args:
        make: (users, seed, to be called with how many are done) -> so many users: their arrays, int64[events] whose
            each event is, and arrays of events.
    """
    users = len(log.first)
    if users < LEAST:
        return None
    count = families_to_learn(users, len(log.user))
    # No seed that anybody would take: whoever chooses should not have seen what is chosen among.
    drawn = int(np.random.default_rng([seed, 7]).integers(1 << 31))
    with progress.task("Comparing users", count, "users") as task:
        made = _families(*make(count, drawn, task.advance), layout)
    own = {name: log.arrays[name][log.first] for name in layout.user_columns}
    learned = _families(own, log.user, dict(log.arrays), layout)
    numbers = [Column(name, "continuous", "float64") for name in (FIRST, SPAN)]
    parent = Schema((*numbers, *(log.schema[name] for name in layout.user_columns)))
    seen = [Column(name, "continuous", "float64") for name in (GAP, CLOCK, WEEKEND)]
    events = [log.schema[name] for name in layout.event_columns if name not in layout.relative]
    known = [column for column in events if column.name in made.children[EVENTS][1]]
    chooser = FamilyChooser.fit(learned, made, parent, {EVENTS: Schema((*seen, *known))}, seed=seed)
    if chooser is not None:
        progress.note(sentence("users", TIMES))
    return chooser


def chosen_histories(
    chooser: FamilyChooser,
    users: Mapping[str, np.ndarray],
    place: np.ndarray,
    events: Arrays,
    layout: Layout,
    wanted: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Arrays]:
    """The events of ``wanted`` of the users, and whose each is, as they stand in ``users``.

    Args:
        place: int64[events], whose each is, ascending, and in order of time.
    """
    own = {name: users[name] for name in layout.user_columns}
    families = _families(own, place, events, layout, len(users[layout.count]))
    taken = np.zeros(families.size, bool)
    taken[chooser.choose(families, wanted, rng)] = True
    rows = np.flatnonzero(taken[place])
    return place[rows], {name: values[rows] for name, values in events.items()}


def _families(
    own: Mapping[str, np.ndarray], user: np.ndarray, events: Mapping[str, np.ndarray], layout: Layout, size: int = 0
) -> Families:
    """Users with their events, which stand by user and time; ``size`` users, if the last ones have none."""
    times = events[layout.time]
    size = size or int(user.max(initial=-1)) + 1
    first, last = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(first, user, times)
    np.maximum.at(last, user, times)
    none = last < first
    first[none] = last[none] = np.nan
    gap = np.full(len(times), np.nan)
    same = user[1:] == user[:-1]
    gap[1:][same] = np.log1p(np.maximum(np.diff(times)[same], 0))
    days = np.floor(times / DAY)
    seen = {GAP: gap, CLOCK: times - days * DAY, WEEKEND: ((days + 3) % 7 >= 5).astype(np.float64)}
    return Families(size, {**own, FIRST: first, SPAN: np.log1p(last - first)}, {EVENTS: (user, {**events, **seen})})
