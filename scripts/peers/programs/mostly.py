"""TabularARGN of `mostlyai-engine`, with its defaults."""

from _task import run
from mostlyai.engine import TabularARGN

run(
    lambda table, task: TabularARGN(random_state=task["seed"], device="cpu").fit(table),
    lambda model, rows: model.sample(n_samples=rows),
)
