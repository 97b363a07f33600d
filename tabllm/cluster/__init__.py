"""Work that is cut into parts, done by one process or by the workers of a cluster, with the same files as result."""

from .driving import Done, run_job
from .executors import Executor, InProcess
from .folders import open_folder
from .job import Job

__all__ = ["Done", "Executor", "InProcess", "Job", "open_folder", "run_job"]
