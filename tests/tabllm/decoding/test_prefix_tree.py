"""The walk without a network: a chain of three columns, of which each value depends on the one before."""

from __future__ import annotations

import numpy as np
import pytest

from tabllm.decoding.prefix_tree import Nodes, TreeWalk

FIRST = np.array([[0.5, 0.3, 0.2]])
NEXT = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
ROWS = 6000


class Chain(TreeWalk):
    columns, enumerated, block = 3, (2, 100), 64

    def __init__(self, *, conditioned: int = 0, min_rows_per_node: float = 1.3, seed: int = 0) -> None:
        self.done: list[int] = []
        super().__init__(np.random.default_rng(seed), self.done.append)
        self.conditioned, self.min_rows_per_node = conditioned, min_rows_per_node

    def root(self) -> Nodes:
        return Nodes(0, [("root", np.zeros(1, np.int64))], np.ones(1), np.full((1, 3), -1), np.zeros(1))

    def table(self, position: int, record: np.ndarray) -> np.ndarray:
        """Under conditions the second column is not 0."""
        shares = NEXT[record[:, position - 1]] if position else np.repeat(FIRST, len(record), axis=0)
        return shares * [0, 1, 1] if self.conditioned and position == 1 else shares

    def children(self, nodes: Nodes) -> Nodes:
        parent, choice, weight = self.split(self.table(nodes.position, nodes.record), nodes.weight)
        record = nodes.record[parent]
        record[:, nodes.position] = choice
        return Nodes(nodes.position + 1, [("tree", parent)], weight, record, nodes.own[parent])

    def deepen(self, nodes: Nodes) -> list[Nodes]:
        return [self.children(nodes)]

    def finished(self, nodes: Nodes) -> tuple[np.ndarray]:
        return (np.repeat(nodes.record, nodes.weight, axis=0),)

    def rest(self, nodes: Nodes, node: np.ndarray):
        record = nodes.record[node]
        for position in range(nodes.position, 3):
            edges = self.table(position, record).cumsum(axis=1)
            record[:, position] = (self.rng.random((len(node), 1)) * edges[:, -1:] > edges).sum(axis=1)
        return lambda: (record,)


@pytest.mark.parametrize("conditioned", [0, 2])
@pytest.mark.parametrize("min_rows_per_node", [1.3, 500.0, np.inf])
def test_rows_have_the_joint_probability_of_their_values_whether_in_the_tree_or_in_blocks(
    conditioned, min_rows_per_node
):
    walk = Chain(conditioned=conditioned, min_rows_per_node=min_rows_per_node)
    (rows,) = walk.run(ROWS)
    assert len(rows) == sum(walk.done) == ROWS
    second = NEXT * [0, 1, 1] if conditioned else NEXT
    joint = FIRST[0][:, None, None] * second[:, :, None] * NEXT[None]
    found = np.zeros((3, 3, 3))
    np.add.at(found, tuple(rows.T), 1 / ROWS)
    np.testing.assert_allclose(found, joint / joint.sum(), atol=0.02)
    assert (max(walk.done) <= walk.block) == (min_rows_per_node == np.inf)


def test_prefixes_that_are_too_many_are_thinned_without_bias(monkeypatch):
    monkeypatch.setattr(Chain, "enumerated", (2, 2))
    rows = np.concatenate([Chain(conditioned=2, seed=seed).run(40)[0] for seed in range(300)])
    joint = FIRST[0][:, None] * NEXT * [0, 1, 1]
    found = np.zeros((3, 3))
    np.add.at(found, tuple(rows[:, :2].T), 1 / len(rows))
    np.testing.assert_allclose(found, joint / joint.sum(), atol=0.06)


def test_parts_of_nodes_keep_to_their_sources():
    def nodes(source: str, *rows: int) -> Nodes:
        index = np.array(rows)
        return Nodes(1, [(source, index)], index * 10, index[:, None], index / 2)

    both = Nodes.all_of([nodes("a", 5, 6), nodes("b", 7)])
    assert len(both) == 3
    chosen = both.part(np.array([1, 1, 2]))
    assert [(name, index.tolist()) for name, index in chosen.sources] == [("a", [6, 6]), ("b", [7])]
    assert chosen.weight.tolist() == [60, 60, 70]
    assert chosen.record.ravel().tolist() == [6, 6, 7]
    assert both.part(np.array([0]), np.array([3])).weight.tolist() == [3]
