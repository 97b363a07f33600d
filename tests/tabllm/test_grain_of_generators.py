"""What every generator holds to, however little it has learned: grain, zones, forms, identifiers, nobody's data."""

import numpy as np
import pandas as pd
import pytest

from tabular import create

QUICK: dict[str, dict[str, int]] = {
    "nano": {"steps": 3},
    "ctgan": {"epochs": 1},
    "tvae": {"epochs": 1},
    "tabddpm": {"steps": 3, "num_timesteps": 10, "sampling_steps": 5},
    "tabcascade": {"steps": 3},
}


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = 400
    days = pd.bdate_range("2021-01-04", "2023-12-29")
    quarters = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 300 * 96, rows) * 15, unit="min")
    zones = np.where(rng.random(rows) < 0.4, "+01:00", "+02:00")
    return pd.DataFrame(
        {
            "day": days[rng.integers(0, len(days), rows)].strftime("%Y-%m-%d"),
            "at": pd.Series(quarters.strftime("%Y-%m-%dT%H:%M:%S")) + pd.Series(zones),
            "price": [f"{euros}.99" for euros in rng.integers(5, 900, rows)],
            "length": [f"{minutes // 60}h {minutes % 60}m" for minutes in rng.integers(5, 600, rows)],
            "email": [f"u{row}.{rng.integers(999)}@mail.org" for row in range(rows)],
            "ref": [f"AB-{number:06d}" for number in rng.permutation(10**6)[:rows]],
            "y": rng.choice(["a", "b"], rows),
        }
    )


@pytest.mark.parametrize("name", QUICK)
def test_grain_zones_forms_and_identifiers_hold(real, name):
    made = create(name, device="cpu", **QUICK[name]).fit(real).sample(200, seed=1)
    assert (pd.to_datetime(made["day"]).dt.day_of_week < 5).all()
    at = made["at"].str.extract(r"^(\S{19})(\+0[12]:00)$")
    clock = pd.to_datetime(at[0], format="%Y-%m-%dT%H:%M:%S")
    assert ((clock.dt.minute % 15 == 0) & (clock.dt.second == 0)).all()
    assert at[1].value_counts(normalize=True).min() > 0.1
    assert made["price"].astype(str).str.endswith(".99").all()
    assert made["length"].str.fullmatch(r"\d+h [0-5]?\dm").all()
    assert made["email"].str.contains("@").all()
    assert made["ref"].str.fullmatch(r"AB-\d{6}").all()
    for column in ("email", "ref"):
        assert made[column].is_unique
        assert not made[column].isin(real[column]).any()
