"""Commands that write a folder of parts: by this process, or by the workers of a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .errors import Interrupted
from .options import Decorated, count_option, options_as
from .session import STDOUT, Session, seconds

if TYPE_CHECKING:
    from tabular.progress import Reporter
    from tabular.synthesizer import Synthesizer

    from ..cluster.job import Work
    from ..cluster.ray_executor import RayExecutor

__all__ = [
    "Cluster",
    "cluster_options",
    "loaded",
    "run_in_parts",
    "study_cluster_options",
    "table_in_parts",
    "writes_parts",
]


@dataclass(frozen=True)
class Cluster:
    """Who does the work: this process (no name), or so many workers of a cluster."""

    name: str | None = None
    workers: int | None = None
    address: str | None = None

    def check(self) -> None:
        """Raise :class:`UsageError` for options without ``--cluster``, and where the library is not installed."""
        if self.name is None:
            for option, value in (("--workers", self.workers), ("--address", self.address)):
                if value is not None:
                    raise UsageError(f"{option} is about the workers of a cluster; add --cluster ray.")
            return
        from ..cluster.ray_executor import check_ray

        check_ray()

    def executor(self, progress: Reporter) -> RayExecutor | None:
        """Its workers; none where this process does the work."""
        if self.name is None:
            return None
        from ..cluster.ray_executor import RayExecutor

        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        return RayExecutor(self.workers, address=address, progress=progress)


def _cluster_options(about: str) -> Callable[[Decorated], Decorated]:
    """``--cluster``, ``--workers`` and ``--address``; the command gets them as one argument, ``cluster``."""
    return options_as(
        "cluster",
        (
            click.option(
                "--cluster",
                "cluster_name",
                type=click.Choice(["ray"]),
                help=f"Cluster whose workers do the work; {about}",
            ),
            count_option("--workers", help="Workers of the cluster, each with one processor.  [default: all]"),
            click.option(
                "--address",
                metavar="ADDR",
                help="Address of the cluster: 'local' starts Ray on this machine, 'auto' finds the cluster that "
                "this machine belongs to.  [default: RAY_ADDRESS, else local]",
            ),
        ),
        lambda cluster_name, workers, address: Cluster(cluster_name, workers, address),
    )


#: Of a command that writes rows.
cluster_options = _cluster_options("OUT is a folder of Parquet parts.")
#: Of a command that fits several times: each worker makes whole fits.
study_cluster_options = _cluster_options("each makes whole fits.")


def writes_parts(out: str, cluster: Cluster) -> bool:
    """Whether ``out`` is a folder of parts: it ends in ``/``, is a URI, holds a manifest, or a cluster writes it.

    Raises:
        UsageError: if a cluster is to write a single file.
    """
    from ..cluster.folders import MANIFEST, is_remote

    folder = is_remote(out) or out.endswith(("/", os.sep)) or (Path(out) / MANIFEST).is_file()
    if cluster.name is not None and not folder and (out == STDOUT or Path(out).suffix):
        raise UsageError(f"--cluster writes a folder of Parquet parts, and {out} is none; write for example -o rows/.")
    return folder or cluster.name is not None


def loaded(run: str, device: str, cluster: Cluster, options: Mapping[str, Any]) -> tuple[Synthesizer, str]:
    """The run, and the device that makes the rows: those of another one differ in the last digits of probabilities."""
    from tabular.registry import load_run

    if cluster.name is None:
        synthesizer = load_run(run, device=device, **options)
        return synthesizer, getattr(synthesizer, "device_", "cpu")
    # Here only what the command asks for is checked, for which any device will do.
    return load_run(run, device="cpu", **options), "cpu" if device == "auto" else device


def table_in_parts(
    session: Session,
    task: str,
    run: str,
    table: str,
    out: str,
    cluster: Cluster,
    *,
    label: str,
    device: str,
    force: bool,
    seed: int | None = None,
    **settings: Any,
) -> None:
    """Work on the rows of a Parquet file in parts; ``task`` is one of :func:`..cluster.cutting.table_job`."""
    from ..cluster.cutting import table_job
    from ..cluster.job import Work

    model, chosen = loaded(run, device, cluster, {})
    job = table_job(task, model, run, table, seed=seed, settings={**settings, "device": chosen})
    work = Work.of(job, run, out, table=table, device=chosen)
    run_in_parts(session, work, out, cluster, model, label=label, force=force)


def run_in_parts(
    session: Session,
    work: Work,
    out: str,
    cluster: Cluster,
    synthesizer: Synthesizer | None,
    *,
    label: str,
    force: bool,
) -> None:
    """Make all parts of ``work`` that are not there yet, and say what was done.

    Args:
        out: the folder, as the user named it.
        synthesizer: the run, loaded to make rows in this process.
        label: of the progress bar.
    """
    from ..cluster import Done, Executor, InProcess, open_folder, run_job
    from ..cluster.driving import counted

    progress = session.reporter()
    executor: Executor = cluster.executor(progress) or InProcess(synthesizer)
    folder, done, start = open_folder(out), Done(), time.perf_counter()
    try:
        run_job(work, folder, executor, force=force, label=label, progress=progress, done=done)
    except KeyboardInterrupt:
        kept = f"{folder.name} holds {done.rows:,} rows in {done.parts:,} of {work.job.parts:,} parts"
        raise Interrupted(f"Interrupted; {kept}: the same command goes on from there.") from None
    took = time.perf_counter() - start
    made = done.rows - done.resumed
    what = f"{done.rows:,} rows in {counted(done.parts)}"
    if not made:
        session.say(f"{folder.name} holds all {what} already.")
        return
    session.say(f"Wrote {what} to {folder.name} in {seconds(took)} ({made / took:,.0f} rows/s).")
