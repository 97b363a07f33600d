"""A made-up survey: each person is shown several scenarios, and a label depends on three-way interactions.

Half of the columns describe the person and are the same in all rows of one; the others describe the scenario, of
which there are few, drawn anew for every row. No column names the person.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: The first columns describe the person, the next the scenario, the last is the label.
PERSON = [f"person_{i}" for i in range(13)]
SCENARIO = [f"scenario_{i}" for i in range(12)]


def survey(people: int, rows_each: int, *, scenarios: int = 1500, seed: int = 0, first: int = 0) -> pd.DataFrame:
    """``people * rows_each`` rows of 26 columns of text, people in random order.

    Args:
        scenarios: how many there are to draw from.
        seed: of the population, its scenarios and its label, which surveys of one seed share.
        first: number of the first person; those of other numbers are other people of the same population.
    """
    world = np.random.default_rng([seed, 0])
    levels = world.integers(5, 9, len(PERSON) + len(SCENARIO))
    # Three kinds of people, each with preferences of its own: attributes go together, but do not determine each other.
    taste = [world.dirichlet(np.full(size, 0.6), 3) for size in levels]
    kinds = [world.choice(size, (scenarios, 1)) for size in levels[len(PERSON) :]]
    shown = np.concatenate(kinds, axis=1)
    triples = world.choice(len(levels), (12, 3))
    effect = world.normal(0, 1.2, (12, 8, 8, 8))

    numbers = np.arange(first, first + people)
    attributes = np.empty((people, len(PERSON)), int)
    for place, number in enumerate(numbers):
        rng = np.random.default_rng([seed, 1, number])
        kind = rng.choice(3, p=[0.5, 0.3, 0.2])
        attributes[place] = [rng.choice(levels[i], p=taste[i][kind]) for i in range(len(PERSON))]
    rng = np.random.default_rng([seed, 2, first])
    person = rng.permutation(np.repeat(np.arange(people), rows_each))
    chance = world.dirichlet(np.full(scenarios, 0.5))
    rows = np.concatenate([attributes[person], shown[rng.choice(scenarios, len(person), p=chance)]], axis=1)
    logit = sum(effect[i, rows[:, a], rows[:, b], rows[:, c]] for i, (a, b, c) in enumerate(triples))
    label = rng.random(len(rows)) < 1 / (1 + np.exp(-logit / 2))
    table = pd.DataFrame({name: np.char.add("v", rows[:, i].astype(str)) for i, name in enumerate(PERSON + SCENARIO)})
    return table.assign(label=np.where(label, "yes", "no"))
