"""axe-core judges what we put into a page."""

from __future__ import annotations

from typing import Any

import pytest
from accessibility import PACKAGE, axe_core, violations
from notebook_browser import page_of

pytestmark = pytest.mark.process

PICTURE = '<main class="jp-OutputArea-output"><h1>A picture</h1><img src="data:," {}></main>'


def test_a_picture_without_a_text_is_found_and_one_with_a_text_is_not(browser: Any) -> None:
    script = axe_core()
    if script is None:
        pytest.skip(f"axe-core judges no notebook here: pip install {PACKAGE.replace('_', '-')}")
    with page_of(browser) as page:
        page.set_content(PICTURE.format(""))
        assert [found.partition(":")[0] for found in violations(page, script)] == ["Images must have alternative text"]
        page.set_content(PICTURE.format('alt="The p99 is 12 ms"'))
        assert violations(page, script) == []
