"""Histories made step by step: the next event of all users at once, from what the window holds of their past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tabular.relations.log import EventLog
from tabular.relations.times import Clock

from .event_model import EventModel, of_some
from .layout import Layout
from .limits.once import Once, RowWeights
from .limits.settling import settle
from .limits.variety import Varying
from .past import END, NOW, SINCE, Moment, Past

__all__ = ["Start", "make_events", "start_of_users", "start_within"]

Arrays = dict[str, np.ndarray]
#: How many times an event that cannot be when it was drawn is drawn again.
AGAIN = 8


@dataclass(frozen=True)
class Start:
    """Where histories begin, or go on; one entry per user, those with the most events to come first.

    Attributes:
        moment: before the first event that is made.
        clock: how times are encoded, and how far they may go.
        begins: whether the first event stands at the time of the moment itself.
        open: whether nobody knows how far away the last event is: that is drawn with the first one.
        once: the values that must not come again.
        varying: the values that came, and how often new ones come.
    """

    moment: Moment
    clock: Clock
    begins: bool
    open: bool
    once: Once
    varying: Varying


def start_of_users(past: Past, layout: Layout, users: Mapping[str, np.ndarray], owner: np.ndarray) -> Start:
    """The beginning of the histories of ``users``, canonical arrays of the table of users.

    Args:
        owner: int64[histories], whose each is, where several are stretches of one user.
    """
    counts = users[layout.count].astype(np.int64)
    time = users[layout.first]
    end = layout.clock.day(time) + np.maximum(users[layout.span], 0)
    window = [past.nothing(len(counts))] * layout.window
    moment = Moment({name: users[name] for name in past.of_user}, np.zeros(len(counts)), counts, time, end, window)
    return Start(
        moment,
        layout.clock,
        begins=True,
        open=False,
        once=Once(past.once, owner, layout.overdue),
        varying=past.varying(owner),
    )


def start_within(past: Past, layout: Layout, log: EventLog, users: Mapping[str, np.ndarray], events: int) -> Start:
    """Where the histories in ``log`` go on with so many ``events`` more of each user.

    Args:
        users: canonical arrays of the table of users, of this log.
    """
    last, count = log.last, len(log.first)
    window = [{name: values[last] for name, values in event.items()} for event in past.latest(log)]
    time = log.times[last]
    user = {name: users[name] for name in past.of_user}
    moment = Moment(user, log.counts.astype(np.float64), np.full(count, events), time, np.full(count, np.nan), window)
    # Histories go on after the last instant of the table that was learned.
    column = replace(layout.clock.column, minimum=None, maximum=None)
    once, varying = Once(past.once, np.arange(count), layout.overdue), past.varying(np.arange(count))
    for name in past.once:
        once.have(name, log.user, log.arrays[name])
    varying.have(log.user, log.arrays)
    return Start(moment, replace(layout.clock, column=column), begins=False, open=True, once=once, varying=varying)


def _timely(
    model: EventModel,
    context: Arrays,
    layout: Layout,
    clock: Clock,
    moment: Moment,
    rng: np.random.Generator,
    weights: RowWeights | None,
) -> Arrays:
    """What :meth:`.EventModel.draw` gives, with times that go with that of the last event.

    An event is drawn again that comes before the one before (on the same day at a time of day that has passed), after
    the last day, or where the time that is left does not go with the events that are left (:mod:`.limits.paces`). The
    last event stands on the last day: where it does not its gap is given and the rest of it drawn.
    """
    drawn = model.draw(context, rng, weights=weights)
    begin = clock.day(moment.time)
    end = np.maximum(moment.last_day, begin)

    def unfit(drawn: Arrays, rows: np.ndarray) -> np.ndarray:
        """float64[rows]: 0 for times that go with the rest; greater where they go with it less."""
        times = clock.reach(drawn, moment.time[rows])
        ahead = end[rows] - clock.day(times)
        off = np.zeros(len(rows)) if layout.paces is None else layout.paces.beyond(moment.left[rows] - 1, ahead)
        return np.where((ahead < 0) | (times < moment.time[rows]), np.inf, off)

    off = unfit(drawn, np.arange(len(end)))
    ahead = clock.whole(end - begin)
    ends = (moment.left == 1) & (clock.day(clock.reach(drawn, moment.time)) != end) & (end > begin)
    last = np.flatnonzero(
        ends & model.leads_with(ahead, context)
    )  # of a run of an older release the gap may come behind
    if len(last):
        given = _some(ahead, last)
        again = {**model.draw({**_some(context, last), **given}, rng, weights=of_some(weights, last)), **given}
        for name in drawn:
            drawn[name][last] = again[name]
    wrong = np.setdiff1d(np.flatnonzero(off > 0), last)
    if len(wrong):
        some = np.repeat(wrong, AGAIN)
        again = model.draw(_some(context, some), rng, weights=of_some(weights, some))
        best = unfit(again, some).reshape(-1, AGAIN).argmin(axis=1)
        for name in drawn:
            drawn[name][wrong] = again[name][np.arange(len(wrong)) * AGAIN + best]
    return drawn


def _at_the_time_of(
    drawn: Arrays,
    model: EventModel,
    past: Past,
    context: Arrays,
    rng: np.random.Generator,
    weights: RowWeights | None,
    rows: np.ndarray,
) -> Arrays:
    """Other events in place of the ``drawn`` ones of these rows, at the same time."""
    leading = (*past.drawn_at_first, *vars(past.layout.clock.names).values())
    given = {name: drawn[name][rows] for name in leading if name in drawn}
    return model.draw({**_some(context, rows), **given}, rng, weights=of_some(weights, rows))


def _some(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: values[rows] for name, values in arrays.items()}


def make_events(
    model: EventModel,
    past: Past,
    layout: Layout,
    start: Start,
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> tuple[np.ndarray, Arrays]:
    """The events to come of all histories.

    Args:
        advance: called with how many users are done.

    Returns:
        int64[events], the entry of each event's user in ``start``, ascending, and canonical arrays of the learned
        columns of events and of their times, in the order of time within each user.
    """
    moment = start.moment
    steps: list[Arrays] = []
    sizes: list[int] = []
    # Of a history that goes on after the table's last instant, how far its time lies beyond one that was learned.
    beyond = np.zeros(len(moment.time))
    while len(moment.time):
        active, first = len(moment.time), not steps
        context = past.arrays(moment, beyond)
        if first and start.open:
            context = {name: values for name, values in context.items() if name not in past.drawn_at_first}
        stands, end = first and start.begins, moment.last_day
        weights = start.once.weights()
        if first:
            drawn = model.draw(context, rng, weights=weights)
        else:
            drawn = _timely(model, context, layout, start.clock, moment, rng, weights)
        if first and start.open:
            ahead = drawn.get(past.names[END], np.zeros(active))
            beyond = moment.time - drawn.get(past.names[NOW], moment.time)
            end = start.clock.day(moment.time) + np.nan_to_num(ahead)
        time = moment.time if stands else start.clock.join(drawn, moment.time, end)
        again = partial(_at_the_time_of, drawn, model, past, context, rng, weights)
        settle(drawn, time, start.once, layout.lifetimes, start.varying, again, rng)
        kept = {name: drawn[name] for name in layout.event_columns if name in drawn}
        steps.append({**kept, layout.time: time})
        sizes.append(active)
        left = moment.left - 1
        on = int(np.searchsorted(-left, 0, side="left"))
        absent = past.nothing(on)
        event = {name: kept[name][:on] if name in kept else absent[name] for name in layout.given}
        event[SINCE] = absent[SINCE] if stands else (time - moment.time)[:on]
        window = [event, *({name: values[:on] for name, values in each.items()} for each in moment.before[:-1])]
        user = {name: values[:on] for name, values in moment.user.items()}
        moment = Moment(user, moment.position[:on] + 1, left[:on], time[:on], end[:on], window)
        beyond = beyond[:on]
        advance(active - on)
    user_of = np.concatenate([np.arange(size) for size in sizes])
    order = np.argsort(user_of, kind="stable")
    return user_of[order], {name: np.concatenate([step[name] for step in steps])[order] for name in steps[0]}
