"""What a lab needs of the page around it, and ipywidgets does not give.

ipywidgets writes the name of a slider beside it, where a screen reader does not look, and calls its places 0, 1, 2. Nor can a
widget be a live region: a text that is read out when it changes. So a picture that cannot be loaded, out of sight, has the page
run a few lines. A page that forbids them, or these styles, still shows a lab that works.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets as widgets

from perflab.lab.control_widgets import full_width

LAB, SAID = "perflab-lab", "perflab-said"
STYLES = f"""
.{LAB} .jupyter-widgets.widget-label, .{LAB} .widget-gridbox .widget-label {{
  white-space: normal; height: auto; line-height: 1.3; align-self: center }}
.{LAB} .widget-gridbox .widget-label {{ width: min(150px, 30%) !important; text-align: right; flex-shrink: 0 }}
.{LAB} .widget-gridbox > * {{ height: auto; min-height: 28px }}
.{LAB} .widget-gridbox .widget-readout {{ flex-shrink: 0 }}
.{LAB} .widget-toggle-buttons > .widget-label {{ margin-right: 8px }}
.{LAB} .widget-toggle-buttons > div {{ display: flex; flex-wrap: wrap }}
.{LAB} .widget-html-content {{ line-height: 1.5 }}
.{LAB} .jupyter-button {{
  white-space: normal; height: auto; min-height: 28px; line-height: 18px; padding: 5px 10px; max-width: 100% }}
body[data-jp-theme-light="false"] .{LAB} img {{ filter: brightness(0.85) }}
"""
SCRIPT = f"""
(function prepare(here, tries) {{
  const lab = here.closest('.{LAB}');
  if (!lab) return tries && setTimeout(prepare, 100, here, tries - 1);
  const tell = () => {{
    for (const slider of lab.querySelectorAll('.widget-slider')) {{
      const [handle, name, value] = ['.noUi-handle', '.widget-label', '.widget-readout'].map(part => slider.querySelector(part));
      if (!handle || !name) continue;
      handle.setAttribute('aria-label', name.textContent);
      if (value && value.textContent) handle.setAttribute('aria-valuetext', value.textContent);
    }}
    for (const text of lab.querySelectorAll('.{SAID}')) text.setAttribute('aria-live', 'polite');
  }};
  tell();
  new MutationObserver(tell).observe(lab, {{childList: true, subtree: true}});
}})(this, 100)
"""


def lab_box(rows: Sequence[widgets.Widget]) -> widgets.VBox:
    """The rows of a lab below one another, as the page should treat them."""
    once = f'<style>{STYLES}</style><img alt="" src="data:," onerror="{html.escape(SCRIPT)}">'
    hidden = widgets.HTML(once, layout=widgets.Layout(display="none"))
    return widgets.VBox([*rows, hidden], layout=full_width()).add_class(LAB)


def read_out(text: widgets.Widget) -> widgets.Widget:
    """The widget of a text that is read out when it changes."""
    return text.add_class(SAID)
