"""Pictures in the page, and the texts that stand for them."""

from __future__ import annotations

import base64
import re

from perflab.lab.image import Image


def test_a_picture_is_shown_as_it_is_with_its_text_escaped() -> None:
    image = Image()
    image.show(b"\x89PNG")
    image.describe('"A" <took> 2 ms')
    value = image.widget.value
    assert 'alt="&quot;A&quot; &lt;took&gt; 2 ms"' in value
    found = re.search(r"base64,([^\"]+)", value)
    assert found is not None and base64.b64decode(found[1]) == image.png == b"\x89PNG"


def test_the_same_text_again_sends_no_picture_again() -> None:
    image, sent = Image(), []
    image.describe("one")
    image.widget.observe(lambda change: sent.append(change["new"]), "value")
    image.describe("one")
    assert sent == []
    image.describe("two")
    assert len(sent) == 1


def test_pictures_share_a_row_and_stand_below_one_another_where_it_is_narrow() -> None:
    layout = Image(0.5).widget.layout
    assert layout.flex == "1 1 48.0%" and layout.min_width == "min(340px, 100%)"
    assert Image(0.25).widget.layout.min_width == "min(225px, 100%)", "three of them fit into a row"
