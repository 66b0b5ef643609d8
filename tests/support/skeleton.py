"""What every notebook promises, as checks over its parsed JSON. Each returns complaints; an empty list is good."""

from __future__ import annotations

import re
from typing import Any

MAX_CELL_LINES = 15
ALLOWED_TAGS = {"details", "summary"}
LAB_PARTS = ["### Predict", "### Measure", "### Explain", "### Try"]
CLOSING_PARTS = ["## Your turn", "### Modify", "### Make", "### Judge", "## Spot the lie", "## Takeaways"]
IDLE_WORDS = ("simply", "obviously", "of course", "just ")

Notebook = dict[str, Any]


def sources(notebook: Notebook, kind: str) -> list[str]:
    """Source text of all cells of a kind."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def prose(notebook: Notebook) -> str:
    """All Markdown without fenced and inline code."""
    text = "\n\n".join(sources(notebook, "markdown"))
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^```.*?^```", "", text))


def headings(notebook: Notebook) -> list[str]:
    """All headings in order, with their marks."""
    return re.findall(r"(?m)^#{1,6} .+$", prose(notebook))


def stored_results(notebook: Notebook) -> list[str]:
    found = ["widgets are stored in the metadata"] if "widgets" in notebook["metadata"] else []
    for number, cell in enumerate(notebook["cells"]):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            found.append(f"cell {number} has stored outputs or a count")
    return found


def kernel(notebook: Notebook) -> list[str]:
    metadata = notebook["metadata"]
    named = metadata.get("kernelspec", {}).get("name") == "python3"
    return [] if named and metadata.get("language_info", {}).get("name") == "python" else ["no python3 kernel is named"]


def heading_levels(notebook: Notebook) -> list[str]:
    levels = [len(heading.split(" ")[0]) for heading in headings(notebook)]
    found = [] if levels.count(1) == 1 and levels[:1] == [1] else ["it needs one h1, as its first heading"]
    jumps = [headings(notebook)[i + 1] for i in range(len(levels) - 1) if levels[i + 1] > levels[i] + 1]
    return found + [f"a level is skipped before {heading!r}" for heading in jumps]


def chapter_parts(notebook: Notebook) -> list[str]:
    """The order of a numbered chapter: idea, labs with their four parts, exercises, lie, takeaways."""
    found = headings(notebook)[1:]
    labs = [heading for heading in found if heading.startswith("## Lab ")]
    expected = ["## The idea", *(part for lab in labs for part in (lab, *LAB_PARTS)), *CLOSING_PARTS]
    if not labs:
        return ["there is no lab"]
    return [] if found == expected else [f"headings are {found}, expected {expected}"]


def cell_lengths(notebook: Notebook) -> list[str]:
    found = [f"empty cell {i}" for i, cell in enumerate(notebook["cells"]) if not "".join(cell["source"]).strip()]
    long = [code for code in sources(notebook, "code") if len(code.splitlines()) > MAX_CELL_LINES]
    return found + [f"a cell has more than {MAX_CELL_LINES} lines: {code[:40]!r}" for code in long]


def markup(notebook: Notebook) -> list[str]:
    text = prose(notebook)
    tags = set(re.findall(r"</?([a-zA-Z][\w-]*)", text)) - ALLOWED_TAGS
    found = [f"HTML tag {tag} in the prose" for tag in sorted(tags)]
    counts = [len(re.findall(pattern, text)) for pattern in ("<details>", "</details>", "<summary>", "</summary>")]
    return found if len(set(counts)) == 1 else [*found, "a <details> is not closed or has no <summary>"]


def wording(notebook: Notebook) -> list[str]:
    text = prose(notebook).lower()
    found = [f"the word {word.strip()!r}" for word in IDLE_WORDS if re.search(rf"\b{word}", text)]
    everything = "\n".join(sources(notebook, "code") + sources(notebook, "markdown"))
    paths = re.findall(r"(?<![\w.])(?:/home/|/Users/|/root/|/tmp/|/work/|[A-Z]:\\)\S*", everything)
    return found + [f"the path {path}" for path in paths]


def chapter_shown(notebook: Notebook, chapter: str, labs: list[str]) -> list[str]:
    """Its own chapter is imported, no other one, and every lab of it is on show."""
    code = "\n".join(sources(notebook, "code"))
    imported = set(re.findall(r"\b(?:from|import) perflab\.chapters\.(\w+)", code))
    found = [] if imported == {chapter} else [f"chapters imported: {sorted(imported)}, expected {chapter}"]
    missing = [f"the lab {lab} is not shown" for lab in labs if not re.search(rf"\b{lab}\.lab\(\)", code)]
    return found + missing + ([] if labs else ["its chapter has no lab"])


EVERY_NOTEBOOK = (stored_results, kernel, heading_levels, cell_lengths, markup, wording)
EVERY_CHAPTER = (chapter_parts,)
