#!/usr/bin/env python3
"""Kill commands at random moments, and see that nothing is lost, doubled, mixed or half-written.

    python scripts/kill_test.py                     # 52 moments, four for each of 13 commands; resumable
    python scripts/kill_test.py --each 1 --only fit,sample-csv

For each moment a command A writes into an empty folder or over what another command B made there, and is killed
(SIGKILL mostly, else SIGTERM or SIGINT) at a random moment after it began to write. Then A runs again, then B.
What must hold:

- right after the kill the output is as it was before, or whole;
- A ends well, with the very output of a call that nothing interrupted, and leaves nothing else; so does B after it;
- after SIGTERM and SIGINT nothing hidden is left.

Times are left out of the comparison. Commands run in forks of this process, which has imported what they need.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", HF_HUB_OFFLINE="1")

import argparse
import gzip
import hashlib
import importlib
import importlib.util
import json
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
#: Imported once here, not in each command.
IMPORTS = [
    "pandas",
    "torch",
    "xgboost",
    "pyarrow.parquet",
    "sklearn.mixture",
    "optuna",
    "transformers",
    "tabllm.cli.main",
    "tabllm.nano.table_lm",
    "tabllm.lm.pretrained",
    "tabllm.comparing.study",
    "tabllm.augmenting.study",
    "tabllm.ads.study",
    "tabllm.tuning.study",
    "eval.comparison",
    "rich.progress",
]
#: What differs between two calls that do the same.
TIMES = re.compile(r"second|rate$|resumed|duration|minutes|fingerprint|started|peak|took")
SIGNALS = [signal.SIGKILL] * 6 + [signal.SIGTERM] * 2 + [signal.SIGINT] * 2


@dataclass(frozen=True)
class Case:
    """Two commands that write to the same place.

    Attributes:
        targets: what they write, files and folders.
        chained: whether B stands on what A made, so that it is not run before it.
        work: whether the targets grow as the command goes on; the others stand whole or not at all.
    """

    a: str
    b: str
    targets: tuple[str, ...]
    chained: bool = False
    work: bool = False


def cases() -> dict[str, Case]:
    """The commands by their names; ``{base}`` is where the inputs lie."""
    fit = "fit {base}/visits.csv -o out -f"
    sample = "sample {base}/run -n 40000 --balance device -o out.X -f --seed"
    found = {
        "fit": Case(*(f"{fit} --engine torch --steps 60 --seed {i}" for i in "12"), ("out",)),
        "fit-tvae": Case(*(f"{fit} -m tvae --epochs 8 --seed {i}" for i in "12"), ("out",)),
        "impute": Case(
            *(f"impute {{base}}/run {{base}}/holes.csv -o out.csv -f --seed {i}" for i in "12"), ("out.csv",)
        ),
        "compare": Case(
            *(f"compare {{base}}/visits.csv --models tvae,ctgan --epochs {i} -o out --json out.json" for i in "12"),
            ("out", "out.json"),
            work=True,
        ),
        "tune": Case(
            *(
                f"tune {{base}}/visits.csv -m tvae --target clicked --epochs 1 --trials {i} -o out --json out.json"
                for i in "24"
            ),
            ("out", "out.json"),
            chained=True,
            work=True,
        ),
        "augment": Case(
            *(
                f"augment {{base}}/visits.csv --target clicked --rows {i} -m tvae --epochs {i} -o out.csv -f"
                for i in "23"
            ),
            ("out.csv", "visits-augment-run"),
        ),
        "augment-study": Case(
            *(
                f"augment {{base}}/visits.csv --target clicked --study -m tvae --epochs {i} --ratios 40% -o out "
                "--json out.json"
                for i in "12"
            ),
            ("out", "out.json"),
            work=True,
        ),
        "ctr": Case(
            *(f"ctr {{base}}/visits.csv --click clicked -m tvae --epochs {i} -o out --json out.json" for i in "12"),
            ("out", "out.json"),
            work=True,
        ),
        "quantize": Case(
            *(f"models quantize {{base}}/model --bits {i} --group-size 32 -o out -f" for i in "48"), ("out",)
        ),
        "export": Case(*(f"export {{base}}/lm-run-{i} -o out -f" for i in "12"), ("out",)),
    }
    for ending in ("csv", "csv.gz", "parquet", "jsonl"):
        pair = [f"{sample.replace('X', ending)} {seed}" for seed in "12"]
        found[f"sample-{ending.split('.')[-1]}"] = Case(pair[0], pair[1], (f"out.{ending}",))
    return found


def forked(work: Callable[[], Any], folder: Path) -> int:
    """The process id of a fork that does ``work`` in ``folder``; what it prints goes to ``log.txt`` beside that."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        output = os.open(folder.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def command(text: str, base: Path) -> Callable[[], None]:
    def call() -> None:
        from tabllm.cli.main import main

        print(f"$ tabllm {text}", flush=True)
        main(text.format(base=base).split())

    return call


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def begun(child: int, folder: Path, before: set[str]) -> bool:
    """Wait until the command writes; whether it does so before its end."""
    while names(folder) == before:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
        time.sleep(0.002)
    return True


def digest(folder: Path, targets: tuple[str, ...]) -> dict[str, str]:
    """Of each file of ``targets``, what it holds; times and the like aside."""
    found = {}
    for target in targets:
        for path in sorted([folder / target, *(folder / target).rglob("*")]):
            if path.is_file() and path.name != "study.db":
                found[str(path.relative_to(folder))] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(data)), sort_keys=True).encode()
    if path.name == "history.jsonl":
        return json.dumps([_timeless(json.loads(line)) for line in data.splitlines()]).encode()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return bytes(pq.read_table(path, use_threads=False).to_pandas(use_threads=False).to_csv().encode())
    return data


def _timeless(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _timeless(value) for name, value in data.items() if not TIMES.search(name)}
    if isinstance(data, list):
        kept = [value for value in data if not (isinstance(value, dict) and TIMES.search(str(value.get("label", ""))))]
        return [_timeless(value) for value in kept]
    return data


def left(folder: Path, targets: tuple[str, ...]) -> list[str]:
    """Hidden or partial files and folders, and whatever else is no target."""
    return sorted(
        name
        for name in names(folder)
        if re.search(r"(^|/)\.[^/]*\.(part|old|lock)$|\.partial$", name) or name.split("/")[0] not in targets
    )


def difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    return ", ".join(sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)))


class Bench:
    """The inputs, and what each command makes when nothing interrupts it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.base = folder, folder / "base"
        self.known: dict[str, dict[str, Any]] = {}

    def call(self, text: str, folder: Path) -> int:
        return ended(forked(command(text, self.base), folder))

    def prepare(self) -> None:
        """Make the inputs where they are not there yet."""
        if (self.base / "done").exists():
            return
        shutil.rmtree(self.base, ignore_errors=True)
        self.base.mkdir(parents=True)
        sys.path.insert(0, str(HERE.parent / "tests" / "tabllm"))

        def inputs() -> None:
            table = importlib.import_module("tabllm.ads.example").example_table(800)
            # A fifth of the rows have the label: the studies want more of it than the log has clicks.
            clicked = (table["spend"] > table["spend"].quantile(0.8)).astype(int)
            table = table.rename(columns={"device_series": "device"}).assign(clicked=clicked)
            table = table[["age", "device", "spend", "clicked"]]
            table.to_csv("visits.csv", index=False)
            table.assign(device=table["device"].where(table.index % 3 > 0)).to_csv("holes.csv", index=False)
            importlib.import_module("tiny_models").make_model(Path("model"))

        lm = "fit visits.csv -m ./model --engine torch --serialization compact --rows 40 --steps 2 -o lm-run-"
        calls = ["fit visits.csv --engine torch --steps 40 -o run", f"{lm}1", f"{lm}2 --seed 1"]
        if ended(forked(inputs, self.base)) or any(self.call(text, self.base) for text in calls):
            raise SystemExit(f"The inputs could not be made; see {self.base.with_suffix('.txt')}.")
        (self.base / "done").touch()

    def reference(self, name: str, case: Case) -> dict[str, Any]:
        """What A and B make, each alone (or B after A), and how long A writes."""
        if name not in self.known:
            folder = self.folder / f"reference-{name}"
            made: dict[str, Any] = {}
            for which, text in (("a", case.a), ("b", case.b)):
                if which == "a" or not case.chained:
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir()
                child = forked(command(text, self.base), folder)
                begun(child, folder, names(folder))
                start = time.perf_counter()
                if code := ended(child):
                    raise SystemExit(f"{text!r} ended with {code}; see {folder.with_suffix('.txt')}.")
                made[which] = digest(folder, case.targets)
                made.setdefault("seconds", time.perf_counter() - start)
                if others := left(folder, case.targets):
                    raise SystemExit(f"{text!r} leaves {others}.")
            self.known[name] = made
        return self.known[name]

    def moment(self, name: str, case: Case, number: int, seed: int) -> dict[str, Any]:
        """Kill A once; the facts, with ``wrong`` as what did not hold."""
        rng = random.Random(f"{seed} {name} {number}")
        wanted = self.reference(name, case)
        folder = self.folder / f"{name}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wrong: list[str] = []
        over = not case.chained and rng.random() < 0.5
        if over and self.call(case.b, folder):
            wrong.append("B failed at the start")
        sent, fraction = rng.choice(SIGNALS), rng.random()
        child = forked(command(case.a, self.base), folder)
        if begun(child, folder, names(folder)):
            time.sleep(0.9 * fraction * wanted["seconds"])
            os.kill(child, sent)
        code = ended(child)
        stands = digest(folder, case.targets) if not case.work else {}
        if not case.work and case.targets[0] in {key.split("/")[0] for key in stands}:
            first = {key: value for key, value in stands.items() if key.split("/")[0] == case.targets[0]}
            whole = [
                {key: made[key] for key in made if key.split("/")[0] == case.targets[0]}
                for made in (wanted["a"], wanted["b"] if over else {})
            ]
            if first not in whole:
                wrong.append("half-written after the kill")
        elif over and not case.work:
            wrong.append("lost by the kill")
        hidden = [path for path in left(folder, case.targets) if not path.split("/")[0].endswith(".partial")]
        hidden = [path for path in hidden if not path.endswith(".partial")] if case.work else hidden
        if sent != signal.SIGKILL and code != 0 and any(path.split("/")[-1].startswith(".") for path in hidden):
            wrong.append(f"{hidden[0]} left after {sent.name}")
        if sent != signal.SIGKILL and code not in (0, 128 + sent):
            wrong.append(f"exit code {code} after {sent.name}")
        where = "ended before" if code == 0 else "as parts were there" if any(folder.glob("*.partial/*")) else "early"
        for which, text in (("a", case.a), ("b", case.b)):
            if again := self.call(text, folder):
                wrong.append(f"{which.upper()} ended with {again}")
            elif differs := difference(digest(folder, case.targets), wanted[which]):
                wrong.append(f"{which.upper()} made something else: {differs}")
            if others := left(folder, case.targets):
                wrong.append(f"{which.upper()} leaves {', '.join(others)}")
        if not wrong:
            shutil.rmtree(folder, ignore_errors=True)
        return {
            "case": name,
            "number": number,
            "seed": seed,
            "signal": sent.name,
            "at": round(fraction, 3),
            "over": over,
            "where": where,
            "wrong": wrong,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=4, help="moments for each command")
    parser.add_argument("--only", default="", help="commands, parted by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("kill-test"), help="where it lies; what is done stays")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    known = cases()
    chosen = [name for name in arguments.only.split(",") if name] or list(known)
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"There is no command {min(unknown)}; there are {', '.join(known)}.")
    if importlib.util.find_spec("mlx_lm") is None and "quantize" in chosen:
        print("quantize is left out: it needs mlx-lm.", flush=True)
        chosen.remove("quantize")
    for module in IMPORTS:
        importlib.import_module(module)
    bench, done = Bench(folder), folder / "moments.jsonl"
    bench.prepare()
    facts = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    earlier = {(fact["case"], fact["number"], fact["seed"]) for fact in facts}
    for number in range(arguments.each):
        for name in chosen:
            if (name, number, arguments.seed) in earlier:
                continue
            fact = bench.moment(name, known[name], number, arguments.seed)
            facts.append(fact)
            with done.open("a") as lines:
                lines.write(json.dumps(fact) + "\n")
            wrong = "; ".join(fact["wrong"]) or "ok"
            print(f"{name} {number}: {fact['signal']}, {fact['where']}: {wrong}", flush=True)
    print("\n| command | moments | SIGKILL | ended before | parts were there | failed |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in chosen:
        mine = [fact for fact in facts if fact["case"] == name]
        counts = [
            len(mine),
            *(
                sum(fact[key] == value for fact in mine)
                for key, value in (("signal", "SIGKILL"), ("where", "ended before"), ("where", "as parts were there"))
            ),
        ]
        print(f"| {name} | {' | '.join(map(str, counts))} | {sum(bool(fact['wrong']) for fact in mine)} |")
    if any(fact["wrong"] for fact in facts):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
