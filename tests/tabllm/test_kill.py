"""Commands are killed at random moments; what the next ones make is what an uninterrupted call makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="it forks and kills")]


def test_nothing_is_lost_doubled_mixed_or_half_written_by_a_kill(tmp_path):
    """In full: scripts/kill_test.py."""
    cases = "fit-tvae,sample-csv,sample-gz,sample-parquet,sample-jsonl,impute,augment"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "kill_test.py", "--each", "1", "--only", cases, "--folder", tmp_path],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": ok") == len(cases.split(","))
