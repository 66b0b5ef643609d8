"""The name under which some labs still import the chart of intervals."""

from perflab.lab.charts import intervals as Intervals

__all__ = ["Intervals"]
