"""How a lab looks on pages of all widths and themes: names of controls wrap, buttons grow with their text, pictures get darker.

ipywidgets writes the name of a slider beside it, and gives the slider itself none that a screen reader finds; only a script in
the page could, and labs bring none.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from perflab.lab.control_widgets import full_width

LAB = "perflab-lab"
STYLES = f"""
.{LAB} .jupyter-widgets.widget-label, .{LAB} .widget-gridbox .widget-label {{
  white-space: normal; height: auto; line-height: 1.3; align-self: center }}
.{LAB} .widget-gridbox .widget-label {{ width: min(150px, 30%) !important; text-align: right; flex-shrink: 0 }}
.{LAB} .widget-gridbox > * {{ height: auto; min-height: 28px }}
.{LAB} .widget-gridbox .widget-readout {{ flex-shrink: 0 }}
.{LAB} .widget-toggle-buttons > .widget-label {{ margin-right: 8px }}
.{LAB} .widget-toggle-buttons > div {{ display: flex; flex-wrap: wrap }}
.{LAB} .widget-html {{ margin: 2px 0 }}
.{LAB} .widget-html-content {{ line-height: 1.5 }}
.{LAB} .jupyter-button {{
  white-space: normal; height: auto; min-height: 28px; line-height: 18px; padding: 5px 10px; max-width: 100% }}
body[data-jp-theme-light="false"] .{LAB} img {{ filter: brightness(0.85) }}
"""


def lab_box(rows: Sequence[widgets.Widget], styles: str = "") -> widgets.VBox:
    """The rows of a lab below one another, as the page should show them, with `styles` of this lab alone."""
    hidden = widgets.HTML(f"<style>{STYLES}{styles}</style>", layout=widgets.Layout(display="none"))
    return widgets.VBox([*rows, hidden], layout=full_width()).add_class(LAB)


def read_out(shown: str) -> str:
    """A text that is read out when it changes."""
    return f'<div aria-live="polite">{shown}</div>'
