"""What is said of databases set up for transactions (OLTP) and for analysis (OLAP): times, rates, and an isolation level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.databases import lost_updates_model, winners
from perflab.chapters.databases.connections_model import PER_S
from perflab.chapters.databases.profiles_model import OLAP, OLTP, PROBE
from perflab.lab import Record
from perflab.lab.claims import Claim, Found, Judge, in_every_run
from perflab.measure import count, duration, number, percent
from perflab.systems.databases.counters import COMMITTED
from perflab.systems.databases.order_files import ROWS
from perflab.systems.databases.order_work import ORDER, REPORT
from perflab.systems.servers.query_kinds import COMMITS, MAX_CONNECTIONS
from perflab.systems.servers.real.postgresql import POSTGRESQL

TRANSACTION_NS, QUERY_NS = (1e6, 1e7), (1e8, 1e10)
TRANSACTIONS_PER_S, RECORDS_PER_S = (1e3, 1e4), 1e5
FEW = 10
"""A run in which the model expects no more lost increments says nothing by losing none."""


def _median_ns(record: Record, work: str, profile: str) -> float | None:
    """What a work took with a profile; None where another was measured, or it too seldom."""
    if record.parameters["work"] != work:
        return None
    found = winners.times_of(record).get(profile)
    return None if found is None or not found.has_interval else found.value


def _transaction(record: Record) -> Found | None:
    took = _median_ns(record, ORDER, OLTP)
    if took is None:
        return None
    synced = winners.against(record, OLTP, PROBE)
    beside = "" if synced is None else f", as long as {number(synced.value)} synced writes"
    told = f"one order, durable, took {duration(took)} (median){beside}."
    return TRANSACTION_NS[0] <= took <= TRANSACTION_NS[1], told


def _transactions(records: Sequence[Record]) -> Found | None:
    """The most that was reached; too few of them count only where as many connections as possible have tried."""
    rates = {run: float(np.nanmedian(run.column(PER_S))) for run in records if _commits(run)}
    if not rates:
        return None
    best = max(rates, key=lambda run: rates[run])
    if caveat := best.fact("caveat", ""):
        return None, caveat
    if rates[best] < TRANSACTIONS_PER_S[0] and all(run.parameters["connections"] < MAX_CONNECTIONS for run in rates):
        return None
    holds = TRANSACTIONS_PER_S[0] <= rates[best] <= TRANSACTIONS_PER_S[1]
    return holds, f"at most {count(rates[best])} durable commits/s, with {best.parameters['connections']} connections."


def _commits(run: Record) -> bool:
    return run.parameters["kind"] == COMMITS and bool(np.isfinite(run.column(PER_S)).any())


def _query(record: Record) -> Found | None:
    took = _median_ns(record, REPORT, OLAP)
    if took is None:
        return None
    told = f"a report on {count(ROWS)} orders took {duration(took)} (median); the time grows with the orders."
    return QUERY_NS[0] <= took <= QUERY_NS[1], told


def _records(record: Record) -> Found | None:
    took = _median_ns(record, REPORT, OLAP)
    if took is None:
        return None
    per_s = ROWS / took * 1e9
    return per_s >= RECORDS_PER_S, f"a report read {count(float(f'{per_s:.2g}'))} orders/s."


def nothing_is_lost(ways: set[str]) -> Judge:
    """Any increment that these ways lose refutes it; that none is lost tells nothing where hardly any can be."""

    def find(record: Record) -> Found | None:
        chosen, lost = record.parameters, record.count("lost")
        if chosen["way"] not in ways:
            return None
        if not lost and record.calls * lost_updates_model.losing(**chosen, constants=record.constants)[1] < FEW:
            return None
        share = percent(lost_updates_model.lost(record))
        return not lost, f"{count(lost)} of {count(record.calls)} acknowledged increments were lost ({share})."

    return in_every_run(find)


def _read_committed(records: Sequence[Record]) -> Found | None:
    found = nothing_is_lost({COMMITTED})(records)
    return (None, POSTGRESQL.why_missing()) if found is None and POSTGRESQL.find() is None else found


CLAIMS = (
    Claim("OLTP: a transaction takes 1 to 10 ms.", "profiles", in_every_run(_transaction)),
    Claim("OLTP: 1,000 to 10,000 transactions per second.", "connections", _transactions),
    Claim("OLTP: “read committed” is isolation enough.", "lost_updates", _read_committed),
    Claim("OLAP: a query takes 100 ms to 10 s.", "profiles", in_every_run(_query)),
    Claim("OLAP: 100,000 records per second or more.", "profiles", in_every_run(_records)),
)
