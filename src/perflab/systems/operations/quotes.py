"""How long operations take by common wisdom, which is put to the test. Much of it was true of other machines."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.units import duration_range


@dataclass(frozen=True)
class Quote:
    """What is commonly said of how long something takes (ns), and whether the operation here is that very thing."""

    of: str
    low_ns: float
    high_ns: float
    unlike: str = ""

    @property
    def text(self) -> str:
        """For a table: `1.0–10 ms for a simple query`."""
        return f"{duration_range(self.low_ns, self.high_ns)} for {self.of}{f'; {self.unlike}' if self.unlike else ''}"


QUOTES: dict[str, Quote | None] = {
    "dict lookup": Quote("access to memory: below 0.1 ms, really about 100 ns", 50, 100e3),
    "dict lookup, printed": None,
    "function call": None,
    "file read, 4 kB": Quote("a read from an SSD", 100e3, 1e6, "this file is in memory (the page cache)"),
    "append + fsync, 4 kB": Quote("a disk", 5e6, 20e6, "this drive may be an SSD"),
    "SQLite lookup by key": Quote("a simple query", 1e6, 10e6, "no network is between it and SQLite"),
    "TCP round trip, loopback": Quote("a local network, at most", 50e3, 1e6, "loopback is no network"),
    "HTTP request, loopback": Quote("network I/O", 1e6, 100e6, "loopback is no network"),
    "sleep 1 ms": Quote("what was asked for", 1e6, 1.05e6),  # a band as wide as can be seen
    "tree of 11 objects": None,
    "500 linear equations": Quote("a complex computation", 100e6, 1e9),
    "ML inference, 3 layers": Quote("an ML inference", 10e6, 100e6, "large models have a thousand times the weights"),
    "image blur, 1 megapixel": Quote("image processing", 100e6, 5e9),
}
