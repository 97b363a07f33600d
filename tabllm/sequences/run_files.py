"""The run folder of sequences: a run of users and a run of events, and what joins them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.plain_json import (
    FLAG,
    PLAIN,
    TEXT,
    FieldError,
    check_fields,
    each_of,
    list_of,
    object_of,
    one_of,
    read_json,
    whole,
)
from tabular.registry import RUN_VERSION
from tabular.relations.times import Clock, Names
from tabular.runs import read_plain_files, reading
from tabular.schema import Schema
from tabular.storage.learning_curve import curve_text
from tabular.storage.rundir import HISTORY, atomic_directory, write_json

from ..choosing.families import FamilyChooser
from ..nano.table_lm import TableLM
from .event_model import EventModel
from .kinds import Kinds
from .layout import Layout
from .limits.lifetimes import Lifetimes
from .limits.overdue import Overdue
from .limits.paces import Paces
from .limits.variety import Variety
from .spans import Spans

__all__ = ["Run", "read_run", "write_run"]

_NAMES = {"gap": TEXT, "weeks": TEXT, "days": TEXT, "clock": TEXT}
_FIELDS = {
    "by": TEXT,
    "time": TEXT,
    "user_columns": list_of(TEXT),
    "event_columns": list_of(TEXT),
    "count": TEXT,
    "first": TEXT,
    "span": TEXT,
    "typical": each_of(TEXT),
    "unit": one_of("days", "instants", "numbers"),
    "names": object_of(_NAMES),
    "window": whole(1),
    "in_time_order": FLAG,
    "relative": list_of(TEXT),
}
_FACTS = {"users": whole(1), "events": whole(1)}

#: The trees that choose among made users, where there are any.
TREES = "chooser.ubj"

README = """# A run of tabllm: sequences of events

`users/` is a run that makes users, `events/` one that makes an event given its user and the events before;
`sequences.json` says which columns join them. Neither holds a row of the table: their README.md say what of it they
keep. Beside that `sequences.json` keeps, each of 20 users or more: from when and until when values come, how often an
event has a value that is new in its history, how many histories have had a value that comes once, and the means,
spreads and shares of kinds of users. `chooser.ubj`, where it is there, holds boosted trees that tell made users from
learned ones.

    tabllm sample RUN -n 1000 -o events.csv    # all events of 1,000 users
"""


@dataclass(frozen=True)
class Run:
    """Everything that a run folder holds."""

    model: str
    schema: Schema
    layout: Layout
    users: TableLM
    events: EventModel
    settings: dict[str, Any]
    facts: dict[str, Any]
    chooser: FamilyChooser | None = None


def write_run(directory: str | Path, run: Run) -> None:
    """Write the run; it appears whole or not at all. Raises :class:`OutputError` where it cannot be written."""
    layout = run.layout
    kept = {name: getattr(layout, name) for name in ("by", "time", "count", "first", "span", "window", "in_time_order")}
    kept |= {name: list(getattr(layout, name)) for name in ("user_columns", "event_columns", "relative", "once")}
    kept |= {"typical": dict(layout.typical), "unit": layout.clock.unit, "names": vars(layout.clock.names)}
    if layout.spans is not None:
        kept["spans"] = layout.spans.to_dict()
    if layout.paces is not None:
        kept["paces"] = layout.paces.to_dict()
    kept |= {"lifetimes": layout.lifetimes.to_data(), "variety": dict(layout.variety.rates)}
    kept["overdue"] = layout.overdue.to_data()
    if layout.kinds is not None:
        kept |= {"kind": list(layout.kind), "kinds": layout.kinds.to_dict()}
    if run.chooser is not None:
        kept["chooser"] = run.chooser.to_data()
    with atomic_directory(directory) as folder:
        if run.chooser is not None:
            (folder / TREES).write_bytes(run.chooser.trees)
        run.schema.to_json(folder / "schema.json")
        config = {"version": RUN_VERSION, "model": run.model, "options": run.settings, "fit": run.facts}
        write_json(folder / "config.json", config)
        write_json(folder / "sequences.json", kept)
        (folder / HISTORY).write_text(curve_text(run.events.history), encoding="utf-8")
        (folder / "README.md").write_text(README, encoding="utf-8")
        run.users.save(folder / "users")
        run.events.save(folder / "events")


def read_run(directory: str | Path, device: str) -> Run:
    """Read what :func:`write_run` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or does not fit the others.
    """
    config, schema, _ = read_plain_files(directory)
    folder = Path(directory)
    with reading(directory, "config.json"):
        check_fields(config, {"options": each_of(PLAIN), "fit": object_of(_FACTS)}, "it")
    with reading(directory, "sequences.json"):
        data = read_json(folder / "sequences.json")
        check_fields(data, _FIELDS, "it")
        for name in (data["by"], data["time"], *data["user_columns"], *data["event_columns"]):
            if name not in schema:
                raise FieldError(f"schema.json has no column {name!r}")
        once = data.setdefault("once", [])  # not in runs of older releases
        check_fields(data, {"once": list_of(TEXT)}, "it")
        for name in once:
            if name not in data["event_columns"] or not schema[name].has_categories:
                raise FieldError(f"{name!r}, which comes once, is no column of events with categories")
        layout = Layout(
            data["by"],
            data["time"],
            tuple(data["user_columns"]),
            tuple(data["event_columns"]),
            data["count"],
            data["first"],
            data["span"],
            data["typical"],
            Clock(schema[data["time"]], data["unit"], Names(**{name: data["names"][name] for name in _NAMES})),
            data["window"],
            data["in_time_order"],
            tuple(data["relative"]),
            Spans.from_dict(data["spans"]) if "spans" in data else None,
            Paces.from_dict(data["paces"]) if "paces" in data else None,
            tuple(once),
            Lifetimes.from_data(data.get("lifetimes", []), data["event_columns"]),
            Variety.from_data(data.get("variety", {}), [c for c in data["event_columns"] if schema[c].has_categories]),
            **_kinds(data),
            overdue=Overdue.from_data(data.get("overdue", {}), {name: len(schema[name].categories) for name in once}),
        )
    chooser = None
    if "chooser" in data:
        with reading(directory, TREES):
            chooser = FamilyChooser.from_data(data["chooser"], (folder / TREES).read_bytes())
    users = TableLM.load(folder / "users", device=device)
    events = EventModel.load(folder / "events", device=device)
    events.tie(schema, layout.event_columns, layout.overdue)
    return Run(config["model"], schema, layout, users, events, config["options"], dict(config["fit"]), chooser)


def _kinds(data: dict[str, Any]) -> dict[str, Any]:
    """What the layout says of kinds of users: nothing in a run of an older release, or of few users."""
    if "kinds" not in data:
        return {}
    check_fields(data, {"kind": list_of(TEXT)}, "it", needed=["kind"])
    kinds = Kinds.from_dict(data["kinds"], data["typical"])
    if len(kinds.centers) != len(data["kind"]):
        raise FieldError("kinds of users have other levels than columns")
    return {"kind": tuple(data["kind"]), "kinds": kinds}
