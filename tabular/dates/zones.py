"""The zone of an instant, in the fraction of its local time: one float64 says both.

The number of a zone counts :data:`.forms.ZONE`. Two zones beside microseconds are distinguished by the last bit of the
float64 instead, which is finer than a microsecond until the year 2106.
"""

from __future__ import annotations

import numpy as np

from .forms import ZONE, Form

__all__ = ["in_zones", "without_zones"]


def in_zones(local: np.ndarray, zone: np.ndarray, form: Form) -> np.ndarray:
    """Local times (float64[n], on the grid of ``form``) in the zones of these numbers (int64[n])."""
    return local + zone * (np.spacing(np.abs(local)) if form.has_fine_zones else ZONE)


def without_zones(seconds: np.ndarray, form: Form) -> tuple[np.ndarray, np.ndarray]:
    """Instants (float64[n]) as local times, and the number of the zone that each is in: int64[n], 0 where none is."""
    scale = 10.0 ** min(form.fraction_digits, form.held_digits)
    ticks = np.rint(seconds * scale)
    with np.errstate(invalid="ignore"):
        if form.has_fine_zones:
            ticks = np.where(ticks / scale > seconds, ticks - 1, ticks)
        local = ticks / scale
        zone = np.rint((seconds - local) / (np.spacing(np.abs(local)) if form.has_fine_zones else ZONE))
        inside = (zone >= 0) & (zone < len(form.zones))
    return local, np.where(inside, zone, 0).astype(np.int64)
