"""Twelve made-up tables with fifty rules between their columns, and what a finder may call each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

#: Rules of one table: each a list of texts of which one must be found.
Planted = list[tuple[str, ...]]
TableOf = Callable[[np.random.Generator, int], tuple[dict[str, object], Planted]]


def _dates(rng: np.random.Generator, rows: int, first: str = "2023-01-01", days: int = 700) -> pd.Series:
    seconds = rng.integers(0, days * 86400, rows)
    return pd.Series(pd.Timestamp(first) + pd.to_timedelta(seconds, unit="s"))


def _hours(hours: np.ndarray) -> pd.Series:
    return pd.Series(pd.to_timedelta(np.round(hours * 3600), unit="s"))


def orders(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    start, price, quantity = _dates(rng, rows), rng.gamma(2, 20, rows).round(2) + 0.5, rng.integers(1, 12, rows)
    cities = {"Lyon": "FR", "Paris": "FR", "Rome": "IT", "Turin": "IT", "Bonn": "DE", "Graz": "AT"}
    city = rng.choice(list(cities), rows)
    table = {
        "start": start,
        "price": price,
        "quantity": quantity,
        "total": (price * quantity).round(2),
        "end": start + _hours(rng.uniform(0, 72, rows)),
        "city": city,
        "country": pd.Series(city).map(cities),
    }
    return table, [
        ("0 <= end - start <= 72 h", "0 <= end - start <= 3 d"),
        ("total = price * quantity",),
        ("city -> country",),
    ]


def adverts(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    impressions = rng.integers(50, 5000, rows)
    clicks = rng.binomial(impressions, rng.beta(1, 4, rows))
    buys = rng.binomial(clicks, rng.beta(1, 3, rows))
    budget = rng.integers(10, 900, rows)
    table = {
        "impressions": impressions,
        "clicks": clicks,
        "buys": buys,
        "click share": (clicks / impressions).round(4),
        "budget": budget,
        "spent": (budget * rng.beta(4, 2, rows)).round(2),
        "channel": rng.choice(["web", "app", "mail"], rows),
    }
    table["left over"] = (budget - table["spent"]).round(2)
    return table, [
        ("clicks <= impressions",),
        ("buys <= clicks",),
        ('"click share" = clicks / impressions',),
        ('budget = spent + "left over"', 'budget = "left over" + spent', '"left over" = budget - spent'),
    ]


def people(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    born = pd.Series(pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 22_000, rows), unit="D"))
    joined = pd.Series(pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 2_000, rows), unit="D"))
    age = (
        joined.dt.year
        - born.dt.year
        - ((joined.dt.month * 100 + joined.dt.day) < (born.dt.month * 100 + born.dt.day)).astype(int)
    )
    year = rng.integers(1930, 2008, rows)
    levels = ["none", "school", "college", "university", "doctorate"]
    level = rng.integers(0, 5, rows)
    table = {
        "born": born,
        "joined": joined,
        "age": age,
        "born_year": born.dt.year,
        "joined_month": joined.dt.month,
        "partner_born": year,
        "partner_age": 2026 - year,
        "education": np.array(levels)[level],
        "education-num": level + 7,
        "height": rng.normal(172, 9, rows).round(1),
    }
    return table, [
        ("age = years(joined, born)",),
        ("born_year = year(born)",),
        ("joined_month = month(joined)",),
        ("partner_age = 2026 - partner_born", "partner_born = 2026 - partner_age"),
        ("education -> education-num", 'education -> "education-num"'),
        ('"education-num" -> education',),
    ]


def weather(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    celsius = rng.normal(14, 8, rows).round(1)
    low = (celsius - rng.gamma(2, 2, rows)).round(1)
    when = _dates(rng, rows)
    table = {
        "when": when,
        "day": when.dt.normalize(),
        "hour": when.dt.hour,
        "celsius": celsius,
        "fahrenheit": (1.8 * celsius + 32).round(2),
        "low": low,
        "high": (celsius + rng.gamma(2, 2, rows)).round(1),
        "rain": np.where(rng.random(rows) < 0.4, 0.0, rng.gamma(1, 4, rows).round(1)),
        "cloud": rng.integers(0, 9, rows),
    }
    return table, [
        ("day = date(when)",),
        ("hour = hour(when)",),
        ("fahrenheit = 1.8 * celsius + 32",),
        ("low <= celsius",),
        ("celsius <= high",),
    ]


def tickets(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    status = rng.choice(["open", "waiting", "closed", "rejected"], rows, p=[0.2, 0.1, 0.5, 0.2])
    opened = _dates(rng, rows)
    hours = rng.gamma(1.5, 20, rows)
    closed = (opened + _hours(hours)).where(~np.isin(status, ["open", "waiting"]))
    score = pd.Series(rng.integers(1, 6, rows).astype(float)).where(closed.notna())
    table = {
        "status": status,
        "opened": opened,
        "closed": closed,
        "score": score,
        "hours": ((closed - opened).dt.total_seconds() / 3600).round(2),
        "team": rng.choice(["a", "b", "c"], rows),
    }
    return table, [
        ("opened <= closed", "opened < closed"),
        ("hours = (closed - opened) / 3600",),
        ("if status = 'open' then closed is missing",),
        ("if status = 'waiting' then closed is missing",),
    ]


def plans(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    kind = rng.choice(["free", "basic", "pro"], rows, p=[0.3, 0.4, 0.3])
    ends = rng.choice(["monthly", "yearly"], rows)
    price = np.where(kind == "free", 0.0, rng.gamma(3, 9, rows).round(2))
    base, extra, tax = (rng.integers(1, 400, rows) for _ in range(3))
    table = {
        "type": kind,
        "term": np.where(kind == "free", "never", ends),
        "price": price,
        "base": base,
        "extra": extra,
        "tax": tax,
        "due": base + extra + tax,
        "support": rng.choice(["mail", "phone"], rows),
    }
    return table, [
        ("price = 0 exactly if type = 'free'",),
        ("combinations of type, term",),
        ("due = base + extra + tax",),
    ]


def devices(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    allowed = [
        ("phone", "iOS"),
        ("phone", "Android"),
        ("tablet", "iOS"),
        ("tablet", "Android"),
        ("desk", "Linux"),
        ("desk", "Windows"),
        ("desk", "macOS"),
    ]
    chosen = rng.integers(0, len(allowed), rows)
    codes = {"EU": 11, "US": 24, "APAC": 7, "MEA": 93}
    region = rng.choice(list(codes), rows)
    table = {
        "device": np.array([allowed[place][0] for place in chosen]),
        "os": np.array([allowed[place][1] for place in chosen]),
        "region": region,
        "code": pd.Series(region).map(codes),
        "seconds": rng.gamma(2, 30, rows).round(1),
        "pages": rng.poisson(6, rows),
    }
    table["minutes"] = (table["seconds"] / 60).round(2)
    return table, [
        ("combinations of device, os",),
        ("region -> code",),
        ("code -> region",),
        ("minutes = seconds / 60",),
    ]


def contacts(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    way = rng.integers(0, 4, rows)
    reason = rng.choice(4, rows, p=[0.25, 0.25, 0.25, 0.25])
    hour, minute = rng.integers(0, 24, rows), rng.integers(0, 60, rows)
    table = {f"by_{name}": (way == place).astype(int) for place, name in enumerate(["web", "mail", "phone", "shop"])}
    table |= {f"why_{name}": (reason == place).astype(int) for place, name in enumerate(["bill", "fault", "move"])}
    table |= {"hour": hour, "minute": minute, "hhmm": 100 * hour + minute, "length": rng.gamma(2, 4, rows).round(1)}
    return table, [
        ("exactly one of by_web, by_mail, by_phone, by_shop",),
        ("at most one of why_bill, why_fault, why_move",),
        ("hhmm = 100 * hour + minute",),
    ]


def routes(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    places = np.array(["A", "B", "C", "D", "E"])
    start, stop = rng.integers(0, 5, rows), rng.integers(0, 5, rows)
    far = rng.permutation(np.arange(100, 1350, 50)).reshape(5, 5)
    hours = rng.gamma(3, 2, rows).round(2) + 0.5
    distance = far[start, stop]
    carrier = rng.choice(["x1", "x2", "x3", "x4", "x5", "x6"], rows)
    alliance = {"x1": "Sky", "x2": "Sky", "x3": "Star", "x4": "Star", "x5": "One", "x6": "One"}
    table = {
        "origin": places[start],
        "dest": places[stop],
        "distance": distance,
        "hours": hours,
        "speed": (distance / hours).round(1),
        "carrier": carrier,
        "alliance": pd.Series(carrier).map(alliance),
    }
    return table, [
        ("origin, dest -> distance",),
        ("speed = distance / hours",),
        ("carrier -> alliance",),
    ]


def loans(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    amount = rng.integers(20, 900, rows) * 100
    paid = (amount * rng.beta(2, 2, rows)).round()
    granted = pd.Series(pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2_500, rows), unit="D"))
    months = rng.choice([12, 24, 36, 60], rows)
    waited = rng.integers(1, 30, rows)
    grade = rng.choice(list("ABCD"), rows)
    rate = {"A": 2.5, "B": 3.75, "C": 5.5, "D": 8.0}
    table = {
        "amount": amount,
        "paid": paid.astype(int),
        "open": (amount - paid).astype(int),
        "granted": granted,
        "first_due": granted + pd.to_timedelta(waited, unit="D"),
        "wait": waited,
        "months": months,
        "grade": grade,
        "rate": pd.Series(grade).map(rate),
        "charged_off": rng.choice([0, 1], rows, p=[0.8, 0.2]),
    }
    table["loss"] = np.where(table["charged_off"] == 0, 0, rng.integers(1, 4_000, rows))
    return table, [
        ("amount = paid + open", "open = amount - paid"),
        ("wait = (first_due - granted) / 86400",),
        ("grade -> rate",),
        ("rate -> grade",),
        (
            "if charged_off = 0 then loss = 0",
            "loss = 0 exactly if charged_off = 0",
            "charged_off = 0 exactly if loss = 0",
        ),
    ]


def surveys(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    owns = rng.choice(["yes", "no"], rows, p=[0.6, 0.4])
    model = pd.Series(rng.choice(["small", "middle", "large"], rows), dtype=object).where(owns == "yes")
    first, second = (pd.Series(rng.normal(50, 9, rows).round(1)) for _ in range(2))
    gone = rng.random(rows) < 0.25
    marks = [rng.integers(0, 11, rows) for _ in range(4)]
    table = {
        "owns": owns,
        "model": model,
        "first": first.where(~gone),
        "second": second.where(~gone),
        **{f"mark_{place}": mark for place, mark in enumerate(marks)},
        "marks": sum(marks),
        "group": rng.choice(["g1", "g2", "g3"], rows),
    }
    return table, [
        ("model is missing exactly if owns = 'no'", "if owns = 'no' then model is missing"),
        ("second is missing exactly if first is missing", "first is missing exactly if second is missing"),
        ("marks = mark_0 + mark_1 + mark_2 + mark_3",),
    ]


def shops(rng: np.random.Generator, rows: int) -> tuple[dict[str, object], Planted]:
    net = rng.gamma(2, 40, rows).round(2) + 1
    part, whole = rng.integers(0, 40, rows), rng.integers(40, 200, rows)
    part = (whole * rng.random(rows)).astype(int)
    sku = rng.integers(0, 30, rows)
    label, group = rng.permutation(30), rng.integers(0, 5, 30)
    ordered = _dates(rng, rows)
    shipped = ordered + _hours(rng.gamma(2, 15, rows))
    table = {
        "net": net,
        "tax": (0.19 * net).round(2),
        "part": part,
        "whole": whole,
        "percent": (100 * part / whole).round(1),
        "sku": np.char.add("S", sku.astype(str)),
        "label": np.char.add("item ", label[sku].astype(str)),
        "group": np.char.add("G", group[sku].astype(str)),
        "ordered": ordered,
        "shipped": shipped,
        "arrived": shipped + _hours(rng.gamma(2, 30, rows)),
    }
    return table, [
        ("tax = 0.19 * net",),
        ("part <= whole",),
        ("percent = 100 * part / whole",),
        ("sku -> label",),
        ("label -> sku",),
        ("sku -> group", "label -> group"),
        ("ordered <= shipped", "ordered < shipped"),
        ("shipped <= arrived", "shipped < arrived"),
    ]


TABLES: dict[str, TableOf] = {
    make.__name__: make
    for make in (orders, adverts, people, weather, tickets, plans, devices, contacts, routes, loans, surveys, shops)
}
#: In these columns no cell is cleared: their gaps are a rule.
WHOLE = frozenset({"status", "closed", "owns", "model", "first", "second", "opened"})


def planted_table(
    name: str, rows: int = 1_000, *, seed: int = 0, missing: float = 0.01
) -> tuple[pd.DataFrame, Planted]:
    """A table of :data:`TABLES` with a share of its cells cleared, and its rules."""
    rng = np.random.default_rng([seed, *name.encode()])
    columns, planted = TABLES[name](rng, rows)
    table = pd.DataFrame(columns)
    for column in table.columns.difference(list(WHOLE)):
        table[column] = table[column].mask(rng.random(rows) < missing)
    return table, planted


def shuffled(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """``table`` with each of its columns dealt anew to the rows: nothing holds between them any more."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: column.to_numpy()[rng.permutation(len(table))] for name, column in table.items()})
