"""The run folder of linked tables: a run for each table that is learned, the kept tables, and what joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tabular.errors import RunError, UsageError
from tabular.io.file_form import FileForm
from tabular.io.files import file_format
from tabular.io.origins import STDIN, ending_of, is_database
from tabular.links.graph import TableGraph
from tabular.links.keys import Key
from tabular.passwords import without_password
from tabular.plain_json import FLAG, PLAIN, TEXT, FieldError, check_fields, each_of, list_of, object_of, read_json
from tabular.registry import RUN_VERSION, load_run, read_config
from tabular.runs import reading
from tabular.storage.rundir import atomic_directory, write_json
from tabular.synthesizer import Synthesizer

from ..choosing.families import FamilyChooser
from ..sequences.event_model import EventModel
from .parents import ParentGroups
from .tables import TablePlan

__all__ = ["Run", "TableFile", "read_run", "write_run"]

_KEY = {"parent": TEXT, "parent_column": TEXT, "child": TEXT, "child_column": TEXT}
_FIELDS = {
    "tables": list_of(TEXT),
    "keys": list_of(object_of(_KEY)),
    "kept": list_of(TEXT),
    "plans": list_of(PLAIN),
    "modelled": each_of(FLAG),
    "groups": each_of(PLAIN),
    "times": each_of(TEXT),
    "files": each_of(TEXT),
    "forms": each_of(PLAIN),
    "choosers": each_of(PLAIN),
}

README = """# A run of tabllm: linked tables

`links.json` says which tables there are and which keys join them. `tables/` holds a run for each table that was
learned, by its number there; none holds a row of its table: their README.md say what of it they keep. Where it is
there, `choosers/` holds boosted trees that tell made families from learned ones by what their rows add up to.
"""
KEPT = """`kept/` holds the REAL rows of lookup tables, which were to be kept as they are: {names}.
"""


@dataclass(frozen=True)
class TableFile:
    """The file that a table was read from.

    Attributes:
        path: of the file, or the address of the database.
        ending: of another file that is written as this one was, with its compression: ``".csv.gz"``.
        form: how it was written; ``None`` in a run of an earlier release.
    """

    path: str
    ending: str = ".csv"
    form: FileForm | None = None

    @classmethod
    def of(cls, path: str, form: FileForm) -> TableFile:
        """The file at ``path``, which was read just now."""
        found = without_password(path) if path == STDIN or is_database(path) else str(Path(path).resolve())
        return cls(found, ending_of(path, form, compressed=True), form)

    @classmethod
    def known(cls, path: str, data: Mapping[str, Any] | None) -> TableFile:
        """What a run keeps of the file: ``data`` is ``None`` in a run of an earlier release."""
        if data is not None:
            return cls(path, str(data["ending"]), FileForm.from_dict(data["form"]))
        try:
            return cls(path, file_format(Path(path)).ending)
        except UsageError:
            return cls(path)


@dataclass(frozen=True)
class Run:
    """Everything that a run folder holds.

    Attributes:
        plans, models: of each table that is learned; no model where a table has keys alone.
        groups: key -> the groups of another parent.
        kept: lookup tables.
        times: table -> the column by which rows of one parent are in order.
        choosers: table -> what chooses among its families.
    """

    model: str
    graph: TableGraph
    plans: Mapping[str, TablePlan]
    models: Mapping[str, Synthesizer | None]
    groups: Mapping[str, ParentGroups]
    kept: Mapping[str, pd.DataFrame]
    times: Mapping[str, str]
    settings: dict[str, Any]
    facts: dict[str, Any]
    choosers: Mapping[str, FamilyChooser] = field(default_factory=dict)


def write_run(directory: str | Path, run: Run, files: Mapping[str, TableFile]) -> None:
    """Write the run; it appears whole or not at all.

    Args:
        files: table -> the file that it was read from.

    Raises:
        OutputError: where it cannot be written.
    """
    graph = run.graph
    links = {
        "tables": list(graph.tables),
        "keys": [vars(key) for key in graph.keys],
        "kept": sorted(graph.kept),
        "plans": [run.plans[name].to_dict() for name in graph.made],
        "modelled": {name: model is not None for name, model in run.models.items()},
        "groups": {key: found.to_dict() for key, found in run.groups.items()},
        "times": dict(run.times),
        "files": {name: file.path for name, file in files.items()},
        "forms": {
            name: {"ending": file.ending, "form": file.form.to_dict()}
            for name, file in files.items()
            if file.form is not None
        },
        "choosers": {name: chooser.to_data() for name, chooser in run.choosers.items()},
    }
    with atomic_directory(directory) as folder:
        config = {"version": RUN_VERSION, "model": run.model, "options": run.settings, "fit": run.facts}
        write_json(folder / "config.json", config)
        write_json(folder / "links.json", links)
        kept = KEPT.format(names=", ".join(sorted(graph.kept))) if graph.kept else ""
        (folder / "README.md").write_text(README + kept, encoding="utf-8")
        (folder / "tables").mkdir()
        for number, name in enumerate(graph.made):
            model = run.models[name]
            if model is not None:
                model.save(folder / "tables" / str(number))
        if run.choosers:
            (folder / "choosers").mkdir()
        for number, chooser in enumerate(run.choosers.values()):
            (folder / "choosers" / f"{number}.ubj").write_bytes(chooser.trees)
        if graph.kept:
            (folder / "kept").mkdir()
        for number, name in enumerate(sorted(graph.kept)):
            run.kept[name].to_parquet(folder / "kept" / f"{number}.parquet")


def read_run(directory: str | Path, model: str, device: str) -> tuple[Run, dict[str, TableFile]]:
    """Read what :func:`write_run` wrote, and the files of the tables; no code from the files of the run is run.

    Raises:
        RunError: if a file is missing, cut short, does not fit the others, or the run is none of the kind ``model``.
    """
    config = read_config(directory)
    if config["model"] != model:
        raise RunError(f"{directory} is a run of {config['model']}, and of one table; load it with tabllm.load_run.")
    folder = Path(directory)
    with reading(directory, "config.json"):
        check_fields(config, {"options": each_of(PLAIN), "fit": each_of(PLAIN)}, "it")
    with reading(directory, "links.json"):
        data = read_json(folder / "links.json")
        data = {"forms": {}, "choosers": {}, **data}  # absent in a run of an earlier release
        check_fields(data, _FIELDS, "it")
        files = {name: TableFile.known(path, data["forms"].get(name)) for name, path in data["files"].items()}
        graph = TableGraph(tuple(data["tables"]), tuple(Key(**key) for key in data["keys"]), frozenset(data["kept"]))
        plans = {each["name"]: TablePlan.from_dict(each) for each in data["plans"]}
        groups = {key: ParentGroups.from_dict(found) for key, found in data["groups"].items()}
        missing = [name for name in graph.made if name not in plans or name not in data["modelled"]]
        if missing:
            raise ValueError(f"it has no plan of {missing[0]!r}")
    models: dict[str, Synthesizer | None] = {}
    for number, name in enumerate(graph.made):
        at = folder / "tables" / str(number)
        models[name] = None
        if data["modelled"][name] and name in graph.roots:
            models[name] = load_run(at, device=device)
        elif data["modelled"][name]:
            loaded = EventModel.load(at, device=device)
            loaded.past = tuple(each.name for each in plans[name].given)
            models[name] = loaded
    choosers = {}
    for number, (name, found) in enumerate(data["choosers"].items()):
        with reading(directory, f"choosers/{number}.ubj"):
            if name not in graph.roots:
                raise FieldError(f"links.json has a chooser of {name!r}, which is no table without a parent")
            trees = (folder / "choosers" / f"{number}.ubj").read_bytes()
            choosers[name] = FamilyChooser.from_data(found, trees)
    kept = {}
    for number, name in enumerate(sorted(graph.kept)):
        with reading(directory, f"kept/{number}.parquet"):
            kept[name] = pd.read_parquet(folder / "kept" / f"{number}.parquet")
    settings, facts = dict(config["options"]), dict(config["fit"])
    return Run(model, graph, plans, models, groups, kept, data["times"], settings, facts, choosers), files
