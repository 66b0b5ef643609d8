"""Operations that compute: linear equations, a neural network, an image that is blurred, and objects that become garbage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

EQUATIONS = 500
LAYERS = (784, 512, 256, 10)
WEIGHTS = sum(inputs * outputs for inputs, outputs in pairwise(LAYERS))
PIXELS = 1_000
BLUR = np.array((1, 4, 6, 4, 1), np.float32) / 16
CHILDREN = 10
TREE_OBJECTS = 2 * (1 + CHILDREN)
"""Of a tree, as the garbage collector counts: each node has a list."""

Image = NDArray[np.float32]


@contextmanager
def solve_equations() -> Iterator[Callable[[], NDArray[Any]]]:
    """Solve a dense system of linear equations: about 2/3 · `EQUATIONS`³ floating-point operations."""
    generator = np.random.default_rng(1)
    matrix, right = generator.random((EQUATIONS, EQUATIONS)), np.ones(EQUATIONS)
    yield lambda: np.linalg.solve(matrix, right)


@contextmanager
def infer() -> Iterator[Callable[[], int]]:
    """Which of ten classes a network of three layers finds in an image of 28 × 28 pixels.

    Its weights are random, not learned: what it answers means nothing, how long it takes is the same.
    """
    generator = np.random.default_rng(1)
    layers = [generator.standard_normal(shape, np.float32) for shape in pairwise(LAYERS)]
    image = generator.random(LAYERS[0], np.float32)

    def call() -> int:
        values = image
        for weights in layers:
            values = np.maximum(values @ weights, 0)
        return int(values.argmax())

    yield call


@contextmanager
def blur_image() -> Iterator[Callable[[], Image]]:
    """A grey image of a megapixel, each pixel mixed with the two before and after it, along columns and rows."""
    image = np.random.default_rng(1).random((PIXELS, PIXELS), np.float32)
    yield lambda: blurred(image)


def blurred(image: Image) -> Image:
    """The image convolved with `BLUR` along both axes; what leaves at one edge comes back at the other."""
    for axis in (0, 1):
        image = sum(
            (weight * np.roll(image, shift, axis) for shift, weight in enumerate(BLUR, -(BLUR.size // 2))),
            start=np.zeros_like(image),
        )
    return image


class Node:
    """Part of a tree that knows its parent, so that parent and child refer to each other."""

    __slots__ = ("children", "parent")

    def __init__(self, parent: Node | None = None) -> None:
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)


@contextmanager
def grow_tree() -> Iterator[Callable[[], Node]]:
    """A node with ten children. Its parts refer to each other, so that only the garbage collector can free it."""

    def call() -> Node:
        root = Node()
        for _ in range(CHILDREN):
            Node(root)
        return root

    yield call
