"""Runs of the labs on eviction as they would be recorded, with times that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perflab.chapters.eviction_and_stampedes import all_sizes, all_sizes_model, policy_runs, what_to_evict
from perflab.chapters.eviction_and_stampedes.own_score import YOURS, scored
from perflab.chapters.eviction_and_stampedes.policy_runs import COUNTED, LRU, NAMES, POLICIES, RANDOM, SIZES, WARM_UP
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.theory.eviction import HIT, decisions
from perflab.theory.stack_distances import lru_hits, sampled, stack_distances

HIT_NS, MISS_NS, DECISION_NS = 500.0, 10_000.0, 100


def evict_record(others: Sequence[str] = (LRU, RANDOM), seed: int = 1, score: Any = None, **parameters: Any) -> Record:
    """A whole run in which only these policies ran besides the chosen one, which ran at 300 places, too."""
    known = POLICIES if score is None else {**POLICIES, YOURS: scored(score)}
    lab = what_to_evict.lab()
    chosen = {**lab.check({name: value for name, value in parameters.items() if value != YOURS}), **parameters}
    keys = policy_runs.keys_of(chosen["trace"], chosen["skew"], seed)
    listed, policy, capacity = keys.tolist(), chosen["policy"], chosen["capacity"]
    plan = [(policy, capacity), *((name, capacity) for name in others if name != policy), (policy, 300)]
    rows = {name: [] for name in ("policy", "size", "misses", "took_ns")}  # type: dict[str, list[int]]
    for name, size in plan:
        leaves = decisions(known[name], listed, size)[WARM_UP:]
        for column, value in zip(
            rows, (NAMES.index(name), size, int((leaves != HIT).sum()), DECISION_NS * keys.size), strict=True
        ):
            rows[column].append(value)
    hit = decisions(known[policy], listed, capacity)[WARM_UP:] == HIT
    samples: dict[str, Any] = {name: np.array(values) for name, values in rows.items()}
    samples |= {"lru_misses": COUNTED - lru_hits(stack_distances(keys)[WARM_UP:], SIZES)}
    samples |= {"hit": hit, "latency_ns": np.where(hit, HIT_NS, MISS_NS)}
    return Record("what_to_evict", chosen, seed, "", Frame(samples, {"calls": keys.size}), status="complete")


def sizes_record(seed: int = 1, **parameters: Any) -> Record:
    """A whole run of the lab on all sizes: the pass takes 20 ms."""
    chosen = all_sizes.lab().check(parameters)
    keys, warm_up = all_sizes_model.keys_of(chosen["trace"], seed)
    sizes = all_sizes_model.sizes_of(chosen["trace"])
    runs = [decisions(POLICIES[chosen["policy"]], keys.tolist(), size)[warm_up:] for size in sizes]
    parts = [sampled(keys, chosen["sample"] / 100, SIZES, number, warm_up) for number in range(all_sizes_model.HASHES)]
    samples: dict[str, Any] = {
        "pass_ns": np.full(3, 2e7),
        "lru_misses": keys.size - warm_up - lru_hits(stack_distances(keys)[warm_up:], SIZES),
        "policy": np.full(len(sizes), NAMES.index(chosen["policy"])),
        "size": np.array(sizes),
        "misses": np.array([int((leaves != HIT).sum()) for leaves in runs]),
        "took_ns": np.full(len(sizes), DECISION_NS * keys.size),
        "raw": np.concatenate([part.raw for part in parts]),
        "corrected": np.concatenate([part.corrected for part in parts]),
        "sampled": np.array([part.reads for part in parts]),
    }
    return Record("all_sizes", chosen, seed, "", Frame(samples, {"calls": keys.size}), status="complete")
