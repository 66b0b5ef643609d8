from __future__ import annotations

from perflab.systems.servers.real.http import PAGE


def test_the_page_has_a_kilobyte() -> None:
    assert len(PAGE.encode()) == 1_024
