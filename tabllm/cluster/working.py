"""The work on one part, the same in the driver's process and in a worker of a cluster."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tabular.errors import RunError
from tabular.machine.threads import one_thread_an_operation

from .folders import open_folder
from .job import PartFacts, Work, run_files, run_fingerprint
from .tables import table_form
from .tasks import TASKS

if TYPE_CHECKING:
    from tabular.io.file_form import FileForm
    from tabular.synthesizer import Synthesizer

__all__ = ["MOST_SENT", "Worker", "one_thread", "packed_run"]

#: Bytes of a run that are sent to workers that do not see its folder.
MOST_SENT = 1 << 30


class Worker:
    """Makes parts of one job.

    Args:
        synthesizer: the run, loaded; loaded here if absent.
        sent: its files, for a machine that does not have :attr:`Work.run`, as :func:`packed_run` gives them.

    Raises:
        RunError: if the run is not there, or is not the one that the job began with.
    """

    def __init__(
        self, work: Work, *, synthesizer: Synthesizer | None = None, sent: Mapping[str, bytes] | None = None
    ) -> None:
        from tabular.preparing.source import read_form
        from tabular.registry import load_run

        self.work, self.folder = work, open_folder(work.out)
        with _found_run(work, sent) as run:
            synthesizer = synthesizer or load_run(run, device=work.device, **work.options)
            self.form: FileForm | None = read_form(run) if work.table is None else table_form(work.table)
        self.task = TASKS[work.job.task](synthesizer, work)

    def make(self, part: int) -> PartFacts:
        """Make a part, and write it. Raises :class:`OutputError` where it cannot be written."""
        import pyarrow as pa

        from tabular.io.formats.arrow_files import ArrowWriter

        job = self.work.job
        with one_thread():
            frame = self.task.make(part)
        sink = pa.BufferOutputStream()
        writer = ArrowWriter(sink, "parquet", self.form)
        writer.write(frame)
        writer.close()
        content = sink.getvalue()
        self.folder.put(job.file(part), content)
        return PartFacts(part, len(frame), content.size, hashlib.sha256(content).hexdigest())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Inside, one thread computes, in torch and in all other libraries."""
    import threadpoolctl

    with one_thread_an_operation(), threadpoolctl.threadpool_limits(1):
        yield


def packed_run(folder: str | Path) -> dict[str, bytes] | None:
    """The files of a run by their names; ``None`` if they are more than :data:`MOST_SENT`."""
    root = Path(folder)
    files = run_files(root)
    if sum(path.stat().st_size for path in files) > MOST_SENT:
        return None
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@contextlib.contextmanager
def _found_run(work: Work, sent: Mapping[str, bytes] | None) -> Iterator[Path]:
    """The folder of the run: the one that was named if it is the same here, else one of the files that were sent."""
    there = Path(work.run)
    if there.is_dir() and run_fingerprint(there) == work.job.run:
        yield there
        return
    if sent is None:
        raise RunError(
            f"The run {work.run} is not there, or was changed since the work began, on one of the machines; put it on "
            "a disk that all of them share."
        )
    with tempfile.TemporaryDirectory(prefix="tabllm-run-") as made:
        for name, content in sent.items():
            path = Path(made, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(made)
