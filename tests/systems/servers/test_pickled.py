"""Functions travel in a configuration of JSON."""

from __future__ import annotations

import json

from perflab.systems.servers.pickled import packed, unpacked


def test_a_function_of_a_cell_is_the_same_after_json_and_other_values_stay() -> None:
    factor = 3
    travelled = unpacked(json.loads(json.dumps(packed(lambda value: factor * value))))
    assert travelled(4) == 12
    assert unpacked(json.loads(json.dumps(packed("text")))) == "text" and unpacked(packed(None)) is None
