"""What a lab's file needs most of how we time and count: `perflab.measure` hands these names out."""

from perflab.measure.collector import gc_paused
from perflab.measure.compare import Ratio, paired_ratio, ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame, merge
from perflab.measure.machine import effective_cpus
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import poisson, services
from perflab.measure.slices import call_slices
from perflab.measure.summary import summarise
from perflab.measure.timing import time_calls
from perflab.measure.units import byte_size, count, duration, duration_range, number, percent, things

__all__ = [
    "Estimate",
    "Frame",
    "Ratio",
    "byte_size",
    "call_slices",
    "count",
    "duration",
    "duration_range",
    "effective_cpus",
    "gc_paused",
    "merge",
    "number",
    "paired_ratio",
    "percent",
    "percentile",
    "poisson",
    "ratio",
    "services",
    "summarise",
    "things",
    "time_calls",
]
