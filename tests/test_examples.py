"""Every public class shows by an example how it is used, and its example does what it says."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import pytest

import eval
import tabllm
import tabular

CLASSES = {
    f"{package.__name__}.{name}": getattr(package, name)
    for package in (tabular, eval, tabllm)
    for name in package.__all__
    if inspect.isclass(getattr(package, name))
}


def examples_of(shown: Any) -> doctest.DocTest:
    (found,) = doctest.DocTestFinder(recurse=False).find(shown, shown.__name__)
    return found


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_of_a_public_class_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = examples_of(CLASSES[name])
    assert any(doctest.SKIP not in example.options for example in test.examples), "an example that runs"
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert not result.failed, "".join(told)
