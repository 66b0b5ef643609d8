"""Frames and how they add up."""

from __future__ import annotations

import numpy as np

from perflab.measure.frame import Frame, merge


def test_merging_joins_samples_adds_counts_and_keeps_the_newest_facts() -> None:
    first = Frame({"latency_ns": np.array([1, 2])}, {"calls": 2}, {"rows": 10, "kind": "disk"})
    second = Frame({"latency_ns": np.array([3]), "wait_ns": np.array([9])}, {"calls": 1, "failures": 1}, {"rows": 20})
    merged = merge([first, second])
    assert merged.samples["latency_ns"].tolist() == [1, 2, 3]
    assert merged.samples["wait_ns"].tolist() == [9]
    assert merged.counts == {"calls": 3, "failures": 1}
    assert merged.facts == {"rows": 20, "kind": "disk"}


def test_merging_nothing_is_an_empty_frame() -> None:
    merged = merge([])
    assert (merged.samples, merged.counts, merged.facts) == ({}, {}, {})
