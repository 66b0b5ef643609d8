"""Replies over a link, as they are and compressed."""

from __future__ import annotations

import psutil
import pytest
from relations import two_of_three

from perflab.systems.clients.replies import documents
from perflab.systems.servers.stage_kinds.documents import JSON, PACKED, document


@pytest.mark.process
def test_the_same_document_arrives_at_each_level_and_tells_what_was_sent() -> None:
    with documents(JSON, 20_000, 1e9) as server:
        (plain, as_it_is), (one, quick), (nine, small) = (server.fetch(level) for level in (0, 1, 9))
        again, _ = server.fetch(0)
        server.change(PACKED, 3_000)
        assert server.fetch(0)[0] == server.fetch(6)[0] == document(PACKED, 3_000)
    assert plain == one == nine == again == document(JSON, 20_000)
    assert as_it_is.sent_bytes == 20_000 > quick.sent_bytes > small.sent_bytes
    assert as_it_is.compress_ns == as_it_is.decompress_ns == 0
    assert 0 < quick.compress_ns < quick.total_ns and 0 < small.decompress_ns < small.total_ns


@pytest.mark.process
def test_what_is_compressed_already_grows_a_little() -> None:
    with documents(PACKED, 5_000, 1e9) as server:
        found, told = server.fetch(6)
    assert found == document(PACKED, 5_000) and 5_000 < told.sent_bytes < 5_050


@pytest.mark.process
def test_no_process_is_left() -> None:
    before = set(psutil.Process().children(recursive=True))
    with documents(JSON, 1_000, 1e9) as server:
        server.fetch(1)
        assert len(set(psutil.Process().children(recursive=True)) - before) == 2
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.clock
@pytest.mark.parametrize(("mbits", "least"), [(50, 35), (800, 70)])
def test_the_link_holds_its_bandwidth(mbits: int, least: int) -> None:
    """What a long reply takes more than a short one: what all replies take besides is in both. A busy machine may not keep up
    with a quick link, which still carries more than the slow one could.
    """
    with documents(JSON, 200_000, 1e6 * mbits) as long, documents(JSON, 20_000, 1e6 * mbits) as short:

        def carried_mbits() -> float:
            times = [[each.fetch(0)[1].total_ns for each in (long, short)] for _ in range(12)]
            more_ns = sorted(one - other for one, other in times)[len(times) // 2]
            return 8e3 * 180_000 / more_ns

        two_of_three(carried_mbits, lambda found: least < found < 1.1 * mbits, f"{mbits} Mb/s")
