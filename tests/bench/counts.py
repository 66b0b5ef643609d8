"""How much a learner gets at once, in numbers."""

from __future__ import annotations

from collections.abc import Iterator

from counts import MAX_CONTROLS, MAX_LABS, MAX_WORDS, NOTEBOOKS, labs_of, share_settled, words_of
from labs import find_labs


def rows() -> Iterator[tuple[str, str, str]]:
    """Words and labs of each notebook, controls of each lab, and the share of questions that their click settles."""
    for path in NOTEBOOKS:
        must = f"≤ {MAX_WORDS:,} words, ≤ {MAX_LABS} labs"
        yield path.stem, must, f"{words_of(path):,} words, {labs_of(path)} labs"
    labs = find_labs()
    controls = ", ".join(f"{name.rpartition('.')[2]} {len(make().controls)}" for name, make in labs.items())
    yield "controls of each lab", f"≤ {MAX_CONTROLS}", controls
    settled, asked = share_settled(list(labs.values()))
    yield "questions that are settled by their click", "all", f"{settled} of {asked}"
