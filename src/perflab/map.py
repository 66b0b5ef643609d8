"""The map of the collection: every notebook, its question, and its part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notebook:
    """One notebook of the collection, written or planned."""

    slug: str
    question: str
    part: str

    @property
    def file_name(self) -> str:
        """Its name in the folder `notebooks`."""
        return f"{self.slug}.ipynb"


NOTEBOOKS = (
    Notebook("00-start-here", "How do these labs work, and what can this machine measure?", ""),
    Notebook("01-highway", "Is a fast car the same as a fast road?", "two numbers"),
    Notebook("02-measuring-latency", "What is the latency of one operation?", "latency"),
    Notebook("03-where-latency-comes-from", "Where did the time go?", "latency"),
    Notebook("04-measuring-throughput", "How much gets through, and what does one more worker add?", "throughput"),
    Notebook("05-raising-throughput", "What limits it, and which strategy lifts it?", "throughput"),
    Notebook("06-trade-off", "What do you pay in one for the other?", "trade-off"),
    Notebook("07-tails-and-overload", "Why are the slowest requests the ones people see?", "trade-off"),
    Notebook("08-caching-strategies", "What does a cache buy, and what does it risk?", "caching"),
    Notebook(
        "09-eviction-and-stampedes",
        "What should a full cache evict, and what if every request misses at once?",
        "caching",
    ),
    Notebook("10-databases", "One database, three profiles: which wins for which work?", "in the wild"),
    Notebook("11-web-servers", "Processes, threads or an event loop?", "in the wild"),
    Notebook("12-monitoring", "How do you see it in production?", "running it"),
    Notebook("13-self-tuning", "Can the system find the setting itself?", "running it"),
)


def table(folder: Path, prefix: str = "") -> str:
    """The map as a Markdown table; only notebooks that exist in `folder` are links, with `prefix` before their names."""
    rows = [f"| {_name(notebook, folder, prefix)} | {notebook.question} | {notebook.part} |" for notebook in NOTEBOOKS]
    return "\n".join(["| notebook | question | part |", "|---|---|---|", *rows])


def _name(notebook: Notebook, folder: Path, prefix: str) -> str:
    exists = (folder / notebook.file_name).exists()
    return f"[{notebook.slug}]({prefix}{notebook.file_name})" if exists else f"{notebook.slug} (planned)"
