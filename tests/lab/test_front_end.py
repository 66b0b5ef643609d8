"""Voilà shows no cells; its kernels are told where they are."""

from __future__ import annotations

from perflab.lab.front_end import VOILA, shows_cells


def test_only_voila_shows_no_cells() -> None:
    assert shows_cells({"JPY_SESSION_NAME": "02-measuring-latency.ipynb"})
    assert not shows_cells({VOILA: "/voila/"})
