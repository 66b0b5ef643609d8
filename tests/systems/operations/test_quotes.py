"""What is commonly quoted of each operation."""

from __future__ import annotations

from perflab.systems.operations.operations import OPERATIONS
from perflab.systems.operations.quotes import QUOTES, Quote


def test_every_operation_has_what_is_commonly_quoted_of_it_or_nothing() -> None:
    assert set(QUOTES) == set(OPERATIONS)
    assert all(quote is None or 0 < quote.low_ns < quote.high_ns for quote in QUOTES.values())


def test_the_quoted_ranges_are_those_of_the_claims() -> None:
    found = {quote.of: quote.text for quote in QUOTES.values() if quote is not None}
    assert found["a complex computation"] == "0.10–1.0 s for a complex computation"
    assert found["an ML inference"].startswith("10–100 ms for an ML inference")
    assert found["image processing"] == "0.10–5.0 s for image processing"
    assert found["a simple query"].startswith("1.0–10 ms for a simple query")


def test_a_loopback_is_not_taken_for_a_network_nor_the_page_cache_for_a_drive() -> None:
    for name in ("TCP round trip, loopback", "HTTP request, loopback", "file read, 4 kB"):
        assert isinstance(QUOTES[name], Quote) and QUOTES[name].unlike  # type: ignore[union-attr]
