"""Histories made step by step: the next event of all users at once, from what the window holds of their past."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .event_model import EventModel
from .layout import Layout
from .past import SINCE, Moment, Past

__all__ = ["make_histories"]

Arrays = dict[str, np.ndarray]


def make_histories(
    model: EventModel,
    past: Past,
    layout: Layout,
    users: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> tuple[np.ndarray, Arrays]:
    """The events of users, who stand in ``users`` with the most events first.

    Args:
        users: canonical arrays of the table of users, with the columns that ``layout`` adds.
        advance: told how many users are done.

    Returns:
        int64[events], the entry of each event's user in ``users``, ascending, and canonical arrays of the learned
        columns of events and of their times, in the order of time within each user.
    """
    counts = users[layout.count].astype(np.int64)
    active = len(counts)
    time = users[layout.first].copy()
    last_day = layout.clock.day(time) + np.maximum(users[layout.span], 0)
    empty = _nothing(past, layout, active)
    window = [empty] * layout.window
    steps: list[Arrays] = []
    sizes: list[int] = []
    position = 0
    while active:
        moment = Moment(
            {name: users[name][:active] for name in past.of_user},
            np.full(active, position),
            counts[:active] - position,
            time[:active],
            last_day[:active],
            window,
        )
        drawn = model.draw(past.arrays(moment), rng)
        before = time[:active]
        if position:
            time = layout.clock.join(drawn, before, last_day[:active])
        since = time - before if position else np.full(active, np.nan)
        kept = {name: drawn[name] for name in layout.event_columns if name in drawn}
        steps.append({**kept, layout.time: time})
        sizes.append(active)
        position += 1
        going_on = int(np.searchsorted(-counts[:active], -position, side="left"))
        told = {name: kept.get(name, empty[name][:active])[:going_on] for name in layout.told}
        window = [
            {SINCE: since[:going_on], **told},
            *({name: values[:going_on] for name, values in event.items()} for event in window[:-1]),
        ]
        advance(active - going_on)
        active = going_on
    user = np.concatenate([np.arange(size) for size in sizes])
    order = np.argsort(user, kind="stable")
    return user[order], {name: np.concatenate([step[name] for step in steps])[order] for name in steps[0]}


def _nothing(past: Past, layout: Layout, rows: int) -> Arrays:
    """The values of an event that is not there."""
    kinds = {column.name: column for column in past.columns}
    found: Arrays = {SINCE: np.full(rows, np.nan)}
    for name in layout.told:
        number = kinds[past.names[f"{name} 1 before"]].is_numeric
        found[name] = np.full(rows, np.nan) if number else np.full(rows, -1, np.int32)
    return found
