"""What the learner touches: controls, chart, worker, verdict.

Importing this is light: widgets and matplotlib come in when a lab is shown.
"""

from perflab.lab.controls import choice, log_slider, slider, switch, values_slider
from perflab.lab.lab import Lab
from perflab.lab.panel import Panel
from perflab.lab.prediction import Prediction
from perflab.lab.record import Record
from perflab.lab.verdict import Verdict

__all__ = [
    "Lab",
    "Panel",
    "Prediction",
    "Record",
    "Verdict",
    "choice",
    "log_slider",
    "slider",
    "switch",
    "values_slider",
]
