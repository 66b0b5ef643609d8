"""What a lab's model knows of this machine: measured before the first run, or before the first with some value of a control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflab.lab.spec import LabSpec


class Calibration:
    """The `constants` of one lab, which grow with each of its calibrations."""

    def __init__(self, lab: LabSpec) -> None:
        self._lab = lab
        self._known: list[Mapping[str, Any]] = []
        self.constants: Mapping[str, Any] = {}

    @property
    def is_needed(self) -> bool:
        """Whether the model still knows nothing that it has to know."""
        return self._lab.calibrate is not None and not self._known

    def missing(self, *settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What to calibrate first for these settings: the arguments of `calibrate`; None where all is known."""
        needed = (self._lab.calibrated_by(each) for each in settings)
        return next((each for each in needed if each is not None and each not in self._known), None)

    def learn(self, arguments: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """The constants that a calibration with these arguments has brought."""
        self._known.append(arguments)
        self.constants = {**self.constants, **facts}
