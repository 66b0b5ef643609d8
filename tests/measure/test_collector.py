"""Keeping the garbage collector out."""

from __future__ import annotations

import gc

import pytest

from perflab.measure.collector import gc_paused


def test_it_is_off_inside_and_restored_even_after_an_exception() -> None:
    with pytest.raises(ValueError), gc_paused():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_nested_pauses_end_with_the_outer_one() -> None:
    with gc_paused():
        with gc_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_can_be_asked_to_do_nothing() -> None:
    with gc_paused(False):
        assert gc.isenabled()
