"""What the learner touches: controls, chart, worker, verdict. All that a lab's file needs is imported from here.

Importing this is light: widgets and matplotlib come in when a lab is shown.
"""

from perflab.lab.axes import byte_ticks, count_ticks, duration_ticks, percent_ticks, plain_ticks, times_ticks
from perflab.lab.chart import Axis, Chart
from perflab.lab.charts import distribution, intervals, latencies_of, versus
from perflab.lab.controls import choice, log_slider, slider, switch, values_slider
from perflab.lab.lab import Lab
from perflab.lab.marks import Band, Bars, Here, Histogram, Line, Mark, Note, Rule, Whiskers, before, measured
from perflab.lab.palette import (
    ALARM,
    CLOCK,
    INK,
    MEASURED,
    MEASURED_LINE,
    MEASURED_POINTS,
    MODEL,
    MODEL_HERE,
    MODEL_LINE,
    PINNED,
    PINNED_LINE,
    PINNED_POINTS,
    SECOND,
    THIRD,
)
from perflab.lab.panel import Panel
from perflab.lab.prediction import Prediction
from perflab.lab.record import Record
from perflab.lab.settle import nearest, one_run, pairs, two_runs
from perflab.lab.verdict import (
    Verdict,
    against_pinned,
    estimate_text,
    p50_of,
    percentile_text,
    ratio_text,
    table_of,
    trust_of,
    verdict_of,
)

__all__ = [
    "ALARM",
    "CLOCK",
    "INK",
    "MEASURED",
    "MEASURED_LINE",
    "MEASURED_POINTS",
    "MODEL",
    "MODEL_HERE",
    "MODEL_LINE",
    "PINNED",
    "PINNED_LINE",
    "PINNED_POINTS",
    "SECOND",
    "THIRD",
    "Axis",
    "Band",
    "Bars",
    "Chart",
    "Here",
    "Histogram",
    "Lab",
    "Line",
    "Mark",
    "Note",
    "Panel",
    "Prediction",
    "Record",
    "Rule",
    "Verdict",
    "Whiskers",
    "against_pinned",
    "before",
    "byte_ticks",
    "choice",
    "count_ticks",
    "distribution",
    "duration_ticks",
    "estimate_text",
    "intervals",
    "latencies_of",
    "log_slider",
    "measured",
    "nearest",
    "one_run",
    "p50_of",
    "pairs",
    "percent_ticks",
    "percentile_text",
    "plain_ticks",
    "ratio_text",
    "slider",
    "switch",
    "table_of",
    "times_ticks",
    "trust_of",
    "two_runs",
    "values_slider",
    "verdict_of",
    "versus",
]
