"""One of the processes of a fit that tests spread.

``python parallel_worker.py trainings ENGINE MODEL FOLDER`` trains as :func:`trainings` says and writes what came of it
to ``FOLDER/RANK.json``; ``... cli TROUBLE ARGUMENTS`` is the command line, with trouble in process 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parent))

from tabular.progress import Reporter, Task

UPDATES = 50
#: Update before which trouble comes.
TROUBLE_AT = 4


class Interrupting(Reporter):
    """Presses Ctrl-C after five steps."""

    @contextmanager
    def task(self, label, total, unit):
        class Counting(Task):
            done = 0

            def advance(self, amount=1, text=""):
                self.done += amount
                if self.done == 5:
                    signal.raise_signal(signal.SIGINT)

        yield Counting()


def fitted(engine, *, steps, group=None, method="full", checkpoint=None, progress=None, **options):
    """What :func:`tabllm.lm.training.trainer.train` gives for the tiny table, with an evaluation at each update."""
    from lm_models import text_codec

    from tabllm.lm.engines.base import Tuning
    from tabllm.lm.training.trainer import plan_training, train

    codec, choices = text_codec("compact")
    plan = plan_training(
        len(choices), steps=steps, evaluations=steps, seed=0, **{"batch_rows": 15, "learning_rate": 3e-3, **options}
    )
    return train(
        engine,
        codec,
        choices,
        plan,
        Tuning(method, rank=4),
        progress=progress or Reporter(),
        checkpoint=checkpoint,
        group=group,
    )


def curve(trained):
    """Step and losses of each evaluation."""
    return [[entry["step"], entry["train_loss"], entry["held_out_loss"]] for entry in trained.history]


def trainings(engine_name, model, group=None):
    """What one process and several must agree on: name -> curve."""
    from lm_models import engine_of

    from tabllm.decoding.precisions import PACKED
    from tabllm.lm.training import trainer
    from tabular.errors import TabllmError

    found = {}
    for name, precision, patience, options in [
        ("to the end", "fp32", UPDATES, {"steps": UPDATES}),
        ("stopped early", "fp32", trainer.PATIENCE, {"steps": UPDATES}),
        ("micro-batches", "fp32", trainer.PATIENCE, {"steps": 4, "pieces": 3}),
        ("one row a batch", "bf16", trainer.PATIENCE, {"steps": 3, "batch_rows": 1}),
        ("4 bits", "4bit", trainer.PATIENCE, {"steps": 4, "method": "lora"}),
        ("8 bits", "8bit", trainer.PATIENCE, {"steps": 4, "method": "dora"}),
    ]:
        if engine_name == "torch" and precision in PACKED and find_spec("bitsandbytes") is None:
            continue
        engine = engine_of(engine_name, Path(model), precision=precision)
        with mock.patch.object(trainer, "PATIENCE", patience):
            trained = fitted(engine, group=group, **options)
        found[name] = curve(trained)
        found[f"{name}, tokens"] = trained.tokens
    found["nano"] = curve(_nano(engine_name, group, batch_rows=9, steps=UPDATES))
    found["nano, one row a batch"] = curve(_nano(engine_name, group, batch_rows=1, steps=5))
    if engine_name == "torch":
        for name in NETWORKS:
            found[name] = network_curve(name)
    try:
        fitted(engine_of(engine_name, Path(model)), group=group, steps=10, learning_rate=1e30)
    except TabllmError as error:
        found["diverged"] = str(error)
    return found


def _nano(engine_name, group=None, *, batch_rows, steps):
    """What :func:`tabllm.nano.trainer.train` gives for a small table."""
    from tabllm.nano.config import NanoConfig, initial_weights
    from tabllm.nano.engines.making import make_engine
    from tabllm.nano.trainer import plan_training, train

    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 200)
    tokens = np.stack([first, (first + (rng.random(200) < 0.2)) % 5, rng.integers(0, 3, 200)], axis=1).astype(np.int32)
    config = NanoConfig((5, 5, 3), 16, 2, 2)
    weights = initial_weights(config, np.zeros(13, np.float32), seed=0)
    plan = plan_training(200, steps=steps, batch_rows=batch_rows, learning_rate=3e-3, seed=0)
    return train(
        make_engine(engine_name, "cpu", config, weights),
        tokens,
        np.arange(3),
        plan,
        progress=Reporter(),
        orthogonal=batch_rows > 1,
        group=group,
    )


#: Generators with networks of their own, small ones: name and what follows a comma -> their settings.
NETWORKS = {
    "tabddpm": {"d_layers": (16, 16), "dropout": 0.1, "num_timesteps": 10, "calibrate": False},
    "tvae": {"compress_dims": (16,), "decompress_dims": (16,), "embedding_dim": 4},
    "tabcascade": {"width": 16, "dropout": 0.1},
    "ctgan": {"generator_dim": (16, 16), "discriminator_dim": (16, 16), "embedding_dim": 4, "discriminator_steps": 2},
    "ctgan, packed": {"generator_dim": (16,), "discriminator_dim": (16,), "embedding_dim": 4, "pac": 3},
}


def network_curve(name, *, steps=UPDATES, checkpoint=None, progress=None):
    """Step and loss of each update of a fit of 200 rows, in float32; a batch has 45 rows."""
    from tabular.neural.networks import tvae_learner
    from tabular.neural.tabcascade import TabCascade
    from tabular.registry import create

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "device": rng.choice(["ios", "android", "web"], 200),
            "spent": np.where(rng.random(200) < 0.4, 0.0, rng.gamma(2, 20, 200).round(2)),
            "score": np.where(rng.random(200) < 0.2, np.nan, rng.normal(0, 1, 200)),
        }
    )
    model = create(name.partition(",")[0], steps=steps, batch_size=45, seed=1, device="cpu", **NETWORKS[name])
    with (
        mock.patch.object(tvae_learner, "product_type", return_value=torch.float32),
        mock.patch.object(TabCascade, "_patience", return_value=steps),
    ):
        model.fit(table, checkpoint=checkpoint, progress=progress or Reporter())
    return [[entry["step"], entry["train_loss"]] for entry in model.history]


def _trainings(engine_name, model, folder):
    from lm_models import engine_of

    from tabllm.parallel.joining import finish, join
    from tabular.errors import UsageError

    group = join()
    found = trainings(engine_name, model, group)
    progress = Interrupting() if group.rank == 1 else None
    try:
        engine = engine_of(engine_name, Path(model))
        fitted(engine, group=group, steps=10, checkpoint=Path(folder) / "run.partial", progress=progress)
    except KeyboardInterrupt:
        found["interrupted"] = True
    if engine_name == "torch":
        try:
            network_curve("ctgan", steps=10, checkpoint=Path(folder) / "network.partial", progress=progress)
        except KeyboardInterrupt:
            found["network interrupted"] = True
    try:
        fitted(engine_of(engine_name, Path(model)), group=group, steps=3 + group.rank)
    except UsageError as error:
        found["other settings"] = str(error)
    finish()
    (Path(folder) / f"{group.rank}.json").write_text(json.dumps(found))


def _cli(trouble, *arguments):
    from tabllm.cli.main import main
    from tabllm.lm.training import trainer

    rate = trainer.learning_rate

    def ruined(plan, step):
        if step == TROUBLE_AT and trouble == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if step == TROUBLE_AT and trouble == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return rate(plan, step)

    if os.environ["RANK"] == "1":
        trainer.learning_rate = ruined
    main(arguments)


if __name__ == "__main__":
    {"trainings": _trainings, "cli": _cli}[sys.argv[1]](*sys.argv[2:])
