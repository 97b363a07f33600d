"""How figures are written."""

from __future__ import annotations

import pytest

from eval.judging.wording import score


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.12345, "0.1235"), (-0.00001, "0.0000"), (-0.5, "-0.5000"), (1234.5, "1,234.5")]
)
def test_scores(value, text):
    assert score(value) == text
