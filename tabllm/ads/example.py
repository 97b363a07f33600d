"""The example table: a small simulated ad log, in which a person can see what a generator has to learn.

It is smaller and plainer than :mod:`tabllm.ads.simulator`'s logs, whose parts it is made with. Nothing in it was
measured: the device series begin with ``sim-``, and the command writes a note beside the file.

What is in it, strongest first:

- A slot has its creatives: video in stories and rewards, images in banners, text in search results.
- Spend (the price of a thousand impressions) follows slot and creative, and is a fifth higher from 18 to 22 o'clock.
- A device series has two sizes. Young people use the small series and see stories; the old use tablets and search.
- Networks follow the city rank, 1 (the largest cities) to 5: 5g in the first, 3g in the last.
- Clicks: 4 % of the rows; more on rewards and stories, with video, on large screens, by the young and in the evening,
  hardly any with video on 3g.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import world as worlds
from .simulator import START, click_chances, draw_by, named
from .world import HOUR_SHARES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CLICK", "CLICK_RATE", "ROWS", "example_note", "example_table"]

CLICK, ROWS, CLICK_RATE = "clicked", 8_000, 0.04
DAYS = 28

SLOTS = ("feed", "story", "banner", "search", "reward")
CREATIVES = ("image", "video", "carousel", "text")
NETWORKS = ("wifi", "5g", "4g", "3g")
SERIES = ("sim-mini", "sim-one", "sim-plus", "sim-max", "sim-tab")
#: Inches of the two devices of each series.
SIZES = np.array([[5.4, 5.8], [6.1, 6.3], [6.5, 6.7], [6.8, 7.0], [10.1, 10.9]])

#: Age groups begin at these years; the tables below have a line for each group.
AGE_GROUPS = (25, 35, 50)
SERIES_BY_AGE = np.array([[5, 5, 3, 2, 1], [3, 5, 5, 3, 1], [2, 5, 5, 3, 2], [1, 4, 4, 2, 5]], float)
SLOTS_BY_AGE = np.array([[5, 7, 3, 1, 3], [6, 4, 4, 3, 2], [6, 2, 5, 5, 1], [5, 1, 6, 7, 1]], float)
NETWORKS_BY_RANK = np.array(
    [[50, 35, 14, 1], [50, 28, 20, 2], [48, 20, 28, 4], [45, 12, 35, 8], [42, 6, 38, 14]], float
)
CREATIVES_BY_SLOT = np.array([[5, 3, 4, 1], [2, 7, 2, 0.2], [8, 1, 1, 2], [2, 0.2, 1, 9], [1, 9, 1, 0.2]])
RANK_SHARES = (0.3, 0.25, 0.2, 0.15, 0.1)

#: The price of a thousand impressions, in dollars, before its scatter: by slot, and times what the creative costs.
PRICES, PRICE_FACTORS = np.array([3.0, 4.0, 1.2, 6.0, 8.0]), np.array([1.0, 1.6, 1.2, 0.8])

SLOT_LOGITS, CREATIVE_LOGITS = np.array([0.0, 1.0, -1.6, -0.2, 1.8]), np.array([0.0, 0.8, 0.3, -0.8])


def example_table(rows: int = ROWS, *, seed: int = 0) -> pd.DataFrame:
    """A log of ``rows`` impressions of four weeks, in the order of their time; a click in :data:`CLICK_RATE` of them.

    One age in twenty-five is missing.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    hour = rng.choice(24, rows, p=HOUR_SHARES)
    second = np.sort((rng.integers(DAYS, size=rows) * 24 + hour) * 3_600 + rng.integers(3_600, size=rows))
    hour = second // 3_600 % 24
    age = np.clip(18 + rng.gamma(2.2, 9.0, rows), 18, 80).round()
    group = np.searchsorted(AGE_GROUPS, age, side="right")
    rank = rng.choice(len(RANK_SHARES), rows, p=RANK_SHARES)
    series = draw_by(SERIES_BY_AGE, group, rng)
    size = SIZES[series, rng.integers(2, size=rows)]
    network = draw_by(NETWORKS_BY_RANK, rank, rng)
    slot = draw_by(SLOTS_BY_AGE, group, rng)
    creative = draw_by(CREATIVES_BY_SLOT, slot, rng)
    evening = (hour >= 18) & (hour < 22)
    spend = PRICES[slot] * PRICE_FACTORS[creative] * (1 + 0.2 * evening) * rng.lognormal(0, 0.2, rows)
    video_on_3g = (creative == CREATIVES.index("video")) & (network == NETWORKS.index("3g"))
    logits = (
        SLOT_LOGITS[slot]
        + CREATIVE_LOGITS[creative]
        - 0.045 * (age - 40)
        + 0.12 * (size - 6.5)
        + 0.7 * evening
        - 3.0 * video_on_3g
    )
    columns: dict[str, Any] = {
        "time": pd.Timestamp(START) + pd.to_timedelta(second, unit="s"),
        "age": pd.array(np.where(rng.random(rows) < 0.04, np.nan, age), dtype="Int64"),
        "gender": named(rng.choice(len(worlds.GENDERS), rows, p=worlds.GENDER_SHARES), worlds.GENDERS),
        "city_rank": rank + 1,
        "device_series": named(series, SERIES),
        "device_size": size,
        "network": named(network, NETWORKS),
        "slot": named(slot, SLOTS),
        "creative": named(creative, CREATIVES),
        "spend": spend.round(2),
        CLICK: (rng.random(rows) < click_chances(logits, CLICK_RATE)).astype(np.int64),
    }
    return pd.DataFrame(columns)


def example_note(table: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """What the note beside the file says, as plain JSON data."""
    return {
        "simulated": True,
        "note": "Simulated by 'tabllm example'; nothing in this table was measured.",
        "seed": seed,
        "rows": len(table),
        "clicks": int(table[CLICK].sum()),
        "effects": (__doc__ or "").partition("What is in it, strongest first:")[2].strip(),
    }
