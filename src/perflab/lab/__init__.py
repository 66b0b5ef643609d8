"""What the learner touches: controls, chart, worker, verdict.

What every lab needs is imported from here; what its charts are made of and its words from `marks`, `palette` and `verdict`.
Importing this is light: widgets and matplotlib come in when a lab is shown.
"""

from perflab.lab.axes import byte_ticks, count_ticks, duration_ticks, percent_ticks, plain_ticks, times_ticks
from perflab.lab.chart import Axis, Chart
from perflab.lab.charts import distribution, intervals, latencies_of, versus
from perflab.lab.controls import choice, log_slider, slider, switch, values_slider
from perflab.lab.lab import Lab
from perflab.lab.panel import Panel
from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.record import Record
from perflab.lab.settle import nearest, one_run, pairs, two_runs
from perflab.lab.verdict import Verdict

__all__ = [
    "Answer",
    "Axis",
    "Chart",
    "Lab",
    "Outcome",
    "Panel",
    "Prediction",
    "Record",
    "Verdict",
    "byte_ticks",
    "choice",
    "count_ticks",
    "distribution",
    "duration_ticks",
    "intervals",
    "latencies_of",
    "log_slider",
    "nearest",
    "one_run",
    "pairs",
    "percent_ticks",
    "plain_ticks",
    "slider",
    "switch",
    "times_ticks",
    "two_runs",
    "values_slider",
    "versus",
]
