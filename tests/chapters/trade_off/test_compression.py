"""The lab on compression: it pays on slow links, and the break-even lies where the speeds of zlib put it."""

from __future__ import annotations

from typing import Any

import corpus
import numpy as np
import pytest
from drawing import drawn, points
from predictions import assert_each_comment_fits
from turns import side_by_side

from perflab.chapters.trade_off import compression, compression_model
from perflab.chapters.trade_off.compression_model import PACKED, PARTS, PLAIN, name_of, times
from perflab.lab import Outcome, Record
from perflab.measure.frame import Frame

LAB = compression.lab()
NAME = "trade_off.compression"


def record(
    plain_ms: float = 16.0, packed_ms: float = 4.0, bandwidth: int = 100, sent: int = 50_000, **changes: Any
) -> Record:
    """Eleven pairs that scatter by 1%; 2 ms of compressing and half a millisecond of decompressing."""
    scatter = np.linspace(0.99, 1.01, 11)
    given = dict(zip((PLAIN, PACKED, *PARTS), (plain_ms, packed_ms, 2.0, 0.5), strict=True))
    samples = {name: 1e6 * value * scatter for name, value in given.items()}
    chosen = {"bandwidth": bandwidth, "level": 6, "kind": "JSON", "size": 200, **changes}
    return Record("compression", chosen, 1, "", Frame(samples, {"calls": 22}, {"sent_bytes": sent}), 2.0, "complete")


CONSTANTS = {
    "rest_ns": 3e5,
    **{
        name_of(what, kind, level, size): value
        for kind in ("JSON", "text", "already compressed")
        for level in (1, 6, 9)
        for size in (2, 20, 200)
        # 100 bytes per µs both ways, to a quarter
        for what, value in (("ratio", 0.25), ("compressing", 1e4 * size), ("decompressing", 2.5e3 * size))
    },
}


@pytest.mark.clock
def test_compressing_pays_on_a_slow_link_and_costs_on_a_fast_one() -> None:
    click = corpus.click(NAME)
    assert click.outcome is not None and click.outcome.choice in (compression.DEPENDS, compression.QUICKER)
    slow, fast = (times(run) for run in click.records)
    assert slow is not None and fast is not None and slow.high < 1
    assert fast.value > 2 * slow.value


@pytest.mark.clock
def test_the_break_even_that_is_found_lies_near_the_one_by_the_speeds_of_the_runs() -> None:
    runs = corpus.click(NAME).records
    by_speeds = [compression_model.break_even_mbits(run) for run in runs]
    assert 0.4 < compression_model.read_between(runs) / np.mean(by_speeds) < 2.5, "read between two links far apart"


def test_a_run_says_both_times_and_the_break_even_of_its_speeds() -> None:
    said = LAB.verdict(record(), None).text
    # 150 kB saved take as long as 2.5 ms of computing at 60 bytes per µs
    assert "200 kB arrive after 4.0 ms compressed, after 16 ms as they are: 0.250×" in said
    assert "They shrink to 25%" in said and "below 480 Mb/s" in said
    assert compression_model.break_even_mbits(record()) == pytest.approx(480)
    assert LAB.found(record(), None) == "Compressing makes the reply 4.0× quicker over 100 Mb/s."


@pytest.mark.parametrize(
    ("packed_ms", "headline"),
    [(32.0, "makes the reply 2.0× slower over 100 Mb/s."), (16.0, "makes the reply as slow as before over 100 Mb/s.")],
)
def test_the_headline_says_what_compressing_did(packed_ms: float, headline: str) -> None:
    assert LAB.found(record(packed_ms=packed_ms), None).endswith(headline)


def test_two_links_share_a_headline() -> None:
    slow, fast = side_by_side(record(32.0, 8.0, 50), record(1.0, 2.0, 1_600))
    both = "Compressing makes the reply 4.0× quicker over 50 Mb/s, and 2.0× slower over 1,600 Mb/s."
    assert compression.finding(fast, slow) == LAB.found(fast, slow) == both
    alike = compression.finding(record(8.0, 4.0, 100, level=1), record(8.0, 4.0, 100))
    assert alike == "Compressing makes the reply 2.0× quicker over 100 Mb/s."
    unlike = compression.finding(record(1.0, 2.0, 1_600, level=1), slow)
    assert unlike == "Compressing makes the reply 2.0× slower over 1,600 Mb/s.", "another level, too"


def test_what_does_not_shrink_never_pays() -> None:
    said = LAB.verdict(record(16.0, 20.0, sent=200_060, kind="already compressed"), None).text
    assert "never pays" in said and "Mb/s" not in said


def test_without_a_pair_nothing_is_said_and_the_tables_are_empty() -> None:
    nothing = Record("compression", LAB.check({}), 1, "")
    assert LAB.verdict(nothing, None).kind == "invalid" and LAB.table(nothing, None) == []
    assert times(nothing) is None and np.isnan(compression_model.break_even_mbits(nothing))


@pytest.mark.parametrize(
    ("slow", "fast", "choice"),
    [(0.3, 2.0, compression.DEPENDS), (0.3, 0.5, compression.QUICKER), (0.3, 1.0, None), (1.0, 2.0, None)],
)
def test_what_it_depends_on_is_told_by_both_links(slow: float, fast: float, choice: str | None) -> None:
    runs = [record(10.0, 10 * ratio, bandwidth) for ratio, bandwidth in ((slow, 50), (fast, 1_600))]
    found: Outcome | None = compression.PREDICTION.outcome(side_by_side(*runs), LAB.check)
    assert (found and found.choice) == choice
    if found is not None:
        assert_each_comment_fits(compression.PREDICTION, found)
        assert "at 50 Mb/s and" in found.measured


def test_the_model_is_the_sum_of_its_steps_and_crosses_at_the_break_even() -> None:
    model = LAB.model(LAB.check({"bandwidth": 100}), CONSTANTS)
    assert model.break_even == pytest.approx(480)
    assert model.parts * (16e6 + 3e5) == pytest.approx([16.3e6, 2e6, 4.3e6, 5e5])
    at = int(np.argmin(abs(np.log(model.packed / model.plain))))
    assert compression_model.LINKS[at] == pytest.approx(480, rel=0.1)


def test_a_size_between_those_that_were_probed_is_read_between_them() -> None:
    codec = compression_model.codec_of(50, "JSON", 6, CONSTANTS)
    assert (codec.ratio, codec.compressed, codec.decompressed) == pytest.approx((0.25, 0.1, 0.1))


def test_the_crossing_is_found_among_runs_that_differ_in_the_bandwidth_only() -> None:
    runs = [record(10.0, 10 * (each / 280) ** 0.5, each) for each in (50, 200, 400, 1_600)]
    assert compression_model.between(runs) == [200, 400]
    assert compression_model.crossed(runs) == pytest.approx(280, rel=0.01)
    assert compression_model.crossing_said(runs)[2] == "found: 280 Mb/s"
    other = [*runs, record(1.0, 2.0, 800, level=9)]
    assert np.isnan(compression_model.crossed(other)) and compression_model.crossing_said(other) is None


def test_between_links_that_are_no_neighbours_no_number_is_read_where_nothing_was_measured() -> None:
    apart = [record(16.0, 5.0, 50), record(1.7, 4.1, 1_600)]
    assert np.isfinite(compression_model.read_between(apart)) and np.isnan(compression_model.crossed(apart))
    assert compression_model.crossing_said(apart)[2] == "found: 50–1,600 Mb/s"
    assert compression_model.span(apart)[0] == [50, 1_600]


def test_a_link_on_which_both_come_out_alike_bounds_no_crossing() -> None:
    alike = [record(10.0, ratio * 10, each) for each, ratio in ((100, 0.5), (200, 0.995), (400, 1.005), (800, 2.0))]
    assert compression_model.between(alike) == [100, 800] and np.isnan(compression_model.crossed(alike))
    assert compression_model.between(alike[:3]) == []
    assert compression_model.between([record(10.0, 20.0, 50), record(10.0, 5.0, 100)]) == [], "the wrong way round"


def test_points_break_even_and_parts_are_on_the_charts() -> None:
    runs = [record(16.0, 4.0, 100), record(4.0, 8.0, 400)]
    left, artists = drawn(compression.CHARTS[0])
    chosen = LAB.check({})
    left.show_model(chosen, LAB.model(chosen, CONSTANTS))
    left.show_run(runs[-1], runs)
    assert points(artists["measured, compressed"]) == [(400, pytest.approx(8e6, rel=0.02))]
    assert [x for x, _ in points(artists["measured before"])] == [100, 400]
    begins, ends = compression_model.ends_of(compression_model.parts_of(runs[0]))
    assert begins.tolist() == pytest.approx([0, 0, 0.125, 0.21875]) and ends.tolist() == pytest.approx(
        [1, 0.125, 0.21875, 0.25]
    )
    assert compression_model.reach(np.array([1.0, 2, 1, 1])) == pytest.approx(4.8)
    right, _ = drawn(compression.CHARTS[1])
    right.show_run(runs[0], runs)
    right.show_run(None)


def test_the_time_is_compared_with_the_pinned_run() -> None:
    now, pinned = side_by_side(record(16.0, 4.0), record(16.0, 8.0, level=9))
    found = LAB.verdict(now, pinned)
    assert "The compressed reply's p50 is 2.00×" in found.text and "below the pinned run" in found.text
