"""The operations that compute really compute."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from perflab.measure.collector import gc_paused
from perflab.systems.operations import computing


def test_the_equations_are_solved() -> None:
    matrix = np.random.default_rng(1).random((computing.EQUATIONS, computing.EQUATIONS))
    with computing.solve_equations() as solve:
        np.testing.assert_allclose(matrix @ solve(), 1, atol=1e-6)


def test_the_network_has_three_layers_and_finds_one_of_ten_classes() -> None:
    assert computing.WEIGHTS == 784 * 512 + 512 * 256 + 256 * 10
    with computing.infer() as call:
        assert call() in range(10) and call() == call()


def test_a_blur_spreads_a_point_and_keeps_the_brightness() -> None:
    point = np.zeros((9, 9), np.float32)
    point[4, 4] = 256
    spread = computing.blurred(point)
    assert spread[2:7, 4].tolist() == spread[4, 2:7].tolist() == [6, 24, 36, 24, 6]
    assert spread[2, 2] == 1 and spread[4, 1] == 0 and spread.sum() == 256
    with computing.blur_image() as call:
        assert call().shape == (computing.PIXELS, computing.PIXELS)


class WatchedNode(computing.Node):
    __slots__ = ("__weakref__",)


def test_a_tree_is_freed_by_the_garbage_collector_alone() -> None:
    with gc_paused():
        root = WatchedNode()
        computing.Node(root)
        alive = weakref.ref(root)
        del root
        assert alive() is not None
        gc.collect()
        assert alive() is None


def test_a_tree_has_ten_children() -> None:
    with computing.grow_tree() as grow:
        root = grow()
    assert len(root.children) == computing.CHILDREN == 10
    assert all(child.parent is root for child in root.children)
