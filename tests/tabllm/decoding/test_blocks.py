"""Blocks are collected in the order of the calls, whatever thread draws them and however long it takes."""

from __future__ import annotations

import threading
import time

import pytest

from tabllm.decoding.blocks import WAITING, Blocks


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_calls(threads):
    found: list[int] = []

    def block(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))  # every third one is late
        return number

    with Blocks(threads, found.append) as blocks:
        for number in range(20):
            if number % 5 == 4:
                blocks.add(number)
            else:
                blocks.draw(lambda number=number: block(number))
    assert found == list(range(20))


def test_blocks_are_drawn_at_once_and_few_wait():
    together, most, open_blocks = threading.Barrier(2, timeout=10), 0, 0

    def collect(_: None) -> None:
        nonlocal open_blocks
        open_blocks -= 1

    with Blocks(2, collect) as blocks:
        for _ in range(40):
            open_blocks += 1
            blocks.draw(lambda: together.wait() and None)  # each waits for another one
            most = max(most, open_blocks)
    assert open_blocks == 0
    assert most == 2 * WAITING


def test_an_error_in_a_block_reaches_the_caller_and_no_thread_stays():
    before = threading.active_count()

    def fails() -> int:
        raise ArithmeticError("no rows")

    with pytest.raises(ArithmeticError, match="no rows"), Blocks(2, print) as blocks:
        blocks.draw(fails)
    assert threading.active_count() == before


def test_an_interrupted_caller_leaves_undone_what_waits():
    drawn: list[int] = []
    begun, go = threading.Barrier(3, timeout=10), threading.Event()

    def block(number: int) -> None:
        begun.wait()
        go.wait(10)
        drawn.append(number)

    def interrupted() -> None:
        with Blocks(2, print) as blocks:
            for number in range(5):
                blocks.draw(lambda number=number: block(number))
            begun.wait()  # two are being drawn, three wait
            threading.Timer(0.05, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(drawn) == [0, 1]
