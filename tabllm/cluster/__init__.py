"""Work that is cut into parts, done by one process or by the workers of a cluster, with the same files as result.

================  ========================================================================
``job``           what all parts depend on, and which rows each holds
``cutting``       a run (and a table) -> a job
``tasks``         how one part is made: sampling, imputing, scoring (``tables``: its rows)
``working``       one part made and written, in whichever process
``folders``       where parts go: a disk, an object store
``driving``       what is there counts, the rest is made (``run_job``)
``executors``     who makes parts: this process; ``ray_executor``: the workers of Ray
``studying``      what the same workers are to a study: they do whole fits
================  ========================================================================
"""

from .driving import Done, run_job
from .executors import Executor, InProcess
from .folders import open_folder
from .job import Job

__all__ = ["Done", "Executor", "InProcess", "Job", "open_folder", "run_job"]
