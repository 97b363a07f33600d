"""A process that works on many tables gives back what it has freed, and few compiled kernels stay."""

from __future__ import annotations

import os
import platform

import numpy as np
import pandas as pd
import psutil
import pytest

from tabular import TableError, create, synthesizer
from tabular.machine import memory
from tabular.machine.devices import prepare_processor

MB = 1 << 20
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library keeps nothing back")


def resident() -> int:
    return psutil.Process().memory_info().rss


@glibc
def test_freed_memory_goes_back_to_the_system_but_after_a_small_piece_of_work():
    memory.keep_freed_memory()
    blocks = [np.ones(MB // 8) for _ in range(256)]
    full = resident()
    del blocks
    memory.give_back_freed_memory(rows=memory.MANY_ROWS - 1)
    kept = resident()
    assert full - kept < 64 * MB
    memory.give_back_freed_memory()
    assert kept - resident() > 192 * MB


def test_without_glibc_nothing_is_done(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    memory.keep_freed_memory()
    memory.give_back_freed_memory()


def test_a_fit_and_drawing_rows_give_memory_back_at_their_end_a_fit_also_if_it_fails(monkeypatch):
    calls = []
    monkeypatch.setattr(synthesizer, "give_back_freed_memory", lambda *rows: calls.append(rows))
    model = create("tabddpm", d_layers=(4,), num_timesteps=2, calibrate=False, device="cpu", steps=1)
    model.fit(pd.DataFrame({"plan": list("ab") * 20})).sample(2)
    assert calls == [(), (2,)]
    with pytest.raises(TableError):
        model.fit(pd.DataFrame({"plan": ["a"]}))
    assert calls[2:] == [()]


def test_few_kernels_are_kept_of_small_models_unless_the_user_says_how_many(monkeypatch):
    for name in memory._CAPACITY:
        monkeypatch.delenv(name, raising=False)
    prepare_processor(many_sizes=True)
    assert "ONEDNN_PRIMITIVE_CACHE_CAPACITY" not in os.environ
    prepare_processor()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == str(memory.KEPT_KERNELS)
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "500")
    prepare_processor()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "500"
