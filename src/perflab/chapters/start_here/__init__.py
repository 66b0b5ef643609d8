"""Notebook 00: how do these labs work, and what can this machine measure?"""

from __future__ import annotations

from pathlib import Path

from IPython.display import Markdown

from perflab.lab.stage import return_to_the_first_question
from perflab.map import table
from perflab.measure.machine import describe_limits, inspect_machine
from perflab.systems.process.installed import Installable
from perflab.systems.servers.real.servers import SERVERS


def collection() -> Markdown:
    """The map of the collection, with links to the notebooks beside this one: the last cell."""
    return_to_the_first_question()
    return Markdown(table(Path.cwd()))


def machine_card() -> Markdown:
    """What this machine is, what that means for the numbers, and, folded, which servers of later notebooks are installed."""
    card = inspect_machine()
    rows = [f"| {name} | {text} |" for name, text in card.rows()]
    meanings = [f"- {sentence}" for sentence in describe_limits(card)]
    folded = ["<details><summary>Servers that later notebooks can measure, if they are installed</summary>", ""]
    folded += ["| server | what was found |", "|---|---|", *map(_row, SERVERS), "", "</details>"]
    return Markdown("\n".join(["| this machine | what was found |", "|---|---|", *rows, "", *meanings, "", *folded]))


def _row(server: Installable) -> str:
    path = server.find()
    found = server.why_missing() if path is None else f"{server.version() or 'of unknown version'}, `{path}`"
    return f"| {server.name} | {found} |"
