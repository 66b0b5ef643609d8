"""Documents of a kind and a size, and the stage that sends them."""

from __future__ import annotations

import json
import zlib

import pytest
from virtual_loop import VirtualHost, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stage_kinds.documents import JSON, KINDS, PACKED, TEXT, Documents, Settings, document


def shrunk(kind: str, level: int = 6) -> float:
    return len(zlib.compress(document(kind, 50_000), level)) / 50_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2_000, 50_000])
def test_a_document_has_exactly_its_size_and_is_always_the_same(kind: str, size: int) -> None:
    assert len(document(kind, size)) == size
    assert document(kind, size) == document(kind, size)
    assert size < 10 or document(kind, size, seed=2) != document(kind, size)


def test_each_kind_shrinks_as_it_does_elsewhere() -> None:
    assert shrunk(PACKED) > 1
    assert 0.1 < shrunk(TEXT) < shrunk(JSON) < 0.35
    assert shrunk(JSON, 9) <= shrunk(JSON, 6) < shrunk(JSON, 1)


def test_json_is_json_up_to_where_it_is_cut_off() -> None:
    text = document(JSON, 2_000).decode()
    orders = json.loads(text[: text.rindex("}") + 1] + "]")
    assert len(orders) > 5 and set(orders[0]) == set(orders[-1])
    assert document(TEXT, 2_000).decode().count("\n") > 10


def test_the_stage_sends_what_was_set_last() -> None:
    async def never(_: Request) -> Reply:
        raise AssertionError

    async def answered() -> Reply:
        stage = Documents(VirtualHost(), Settings(TEXT, 100))
        stage.change(Settings(JSON, 300))
        return await stage.answer(Settings(), Request("GET", "/", {}, b""), never)

    assert run_virtually(answered()).body == document(JSON, 300)


@pytest.mark.parametrize("wrong", [{"kind": "film"}, {"size": 0}, {"size": 1.5}, {"size": 2_000_000}])
def test_documents_that_there_are_not_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]
