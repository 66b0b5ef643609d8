"""Writes what leads to the notebooks on Binder into README.md and the first notebook, from the address in `pyproject.toml`.

The address is "Repository" of `[project.urls]`. Without one, nothing stands between the markers.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from urllib.parse import quote, urlsplit

BEGIN, END = "<!-- links -->\n", "<!-- /links -->"
FIRST = "00-start-here.ipynb"
BINDER = "https://mybinder.org"


def binder_link(repository: str, notebook: str) -> str:
    """Opens the notebook in a JupyterLab on Binder."""
    address, path = urlsplit(repository), f"notebooks/{notebook}"
    where = f"gh{address.path}" if address.hostname == "github.com" else f"git/{quote(repository, safe='')}"
    return f"{BINDER}/v2/{where.rstrip('/').removesuffix('.git')}/HEAD?urlpath={quote(f'lab/tree/{path}', safe='')}"


def links(repository: str | None, notebooks: list[str]) -> str:
    """A badge for each notebook, one a line; nothing without an address."""
    if repository is None:
        return ""
    badge = f"{BINDER}/badge_logo.svg"
    each = (f"- [![{name}]({badge})]({binder_link(repository, name)}) {Path(name).stem}" for name in notebooks)
    return "\n" + "\n".join(each) + "\n\n"


def between(text: str, written: str, first: str = BEGIN, last: str = END) -> str:
    """The text with this between two markers; raises ValueError where they are not there."""
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"the text lacks {first.strip()} and {last}")
    return f"{before}{first}{written}{last}{after}"


def write(folder: Path) -> None:
    """Into the README and the first notebook of the repository in this folder."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    notebooks = sorted(path.name for path in (folder / "notebooks").glob("*.ipynb"))
    written = links(project.get("urls", {}).get("Repository"), notebooks)
    readme, first = folder / "README.md", folder / "notebooks" / FIRST
    readme.write_text(between(readme.read_text(), written))
    content = json.loads(first.read_text())
    (cell,) = (cell for cell in content["cells"] if BEGIN in cell["source"])
    cell["source"] = between("".join(cell["source"]), written).splitlines(keepends=True)
    first.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write(Path(__file__).parents[1])
