"""A rectangular column of sand is let go from a wall and runs out along a channel.

Lube, Huppert, Sparks & Freundt, Phys. Rev. E 72, 041301 (2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _heaps
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.materials.sand import Sand
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Measurement, Plot

LUBE = "Lube et al. 2005"
ASPECTS = (1.0, 1.5, 3.0)
"""Initial height / initial length."""


def run_out(aspect: float) -> float:
    """(final length - initial length) / initial length (Lube et al. 2005).

    Balmforth & Kerswell (J. Fluid Mech. 538, 399, 2005) find exponents of 0.9 +- 0.1 in wide channels, 0.65 +- 0.05
    in narrow ones, and coefficients that differ between materials.
    """
    return 1.2 * aspect if aspect < 1.8 else 1.9 * float(aspect ** (2 / 3))


@dataclass
class PlanarCollapse(Law):
    """Several aspect ratios, measured in the middle half of the channel."""

    kind: ClassVar[str] = "sand"
    length: float = 0.2
    """Initial length of the column [m]."""
    breadth: float = 2.0
    """Breadth of the channel, in initial lengths; its walls are as rough as the floor."""
    cells: int = field(default=12, metadata={"quick": 8})
    """Grid cells along the initial length."""

    @property
    def cases(self) -> Sequence[str]:
        """Aspect ratios."""
        return tuple(f"aspect {aspect:g}, {self.cells} cells a length" for aspect in ASPECTS)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """One column."""
        if case not in self.cases:
            raise ValueError(f"Law planar_collapse: expected a case out of {', '.join(self.cases)}, got '{case}'")
        aspect = ASPECTS[self.cases.index(case)]
        distance, depth = self._profile(aspect, simulator)
        gone = _heaps.reach(distance, depth, _heaps.MARGIN) - 1
        expected = run_out(aspect)
        source = f"{LUBE}: 1.2 a below a = 1.8, 1.9 a^(2/3) above"
        row = Measurement(case, "run-out / initial length", expected, gone, 0.15 * expected, "1", source, "sand")
        return Finding((row,), self._plots(aspect, gone, (distance, depth)))

    def _profile(self, aspect: float, simulator: Simulator) -> tuple[np.ndarray, np.ndarray]:
        """The heap 6 sqrt(height / g) after it was let go."""
        start, height = self.length, aspect * self.length
        channel, broad = 1.25 * start * (1 + run_out(aspect)), self.breadth * start
        back = -channel / 2
        sand = Sand().fill(((back, -broad / 2, 0.0), (back + start, broad / 2, height)))
        seconds = 6 * float(np.sqrt(height / GRAVITY))
        world = scene([], sand, Container((channel, broad, height)), seconds=seconds, fps=1 / seconds)
        happened = play(simulator, world, start / self.cells)
        grains = happened.particle_position[-1]
        middle = grains[np.abs(grains[:, 1]) < broad / 4]
        return _heaps.flat_profile(middle[:, 0] - back, happened.particle_spacing**3, broad / 2, start)

    def _plots(self, aspect: float, gone: float, profile: tuple[np.ndarray, np.ndarray]) -> tuple[Plot, ...]:
        ratios = np.linspace(0.5, 3.5, 61)
        known = np.array([run_out(ratio) for ratio in ratios])
        label = f"{self.cells} cells a length"
        point = (np.array([aspect]), np.array([gone]))
        against = Plot(
            "Run-out along a channel", "initial height / initial length", "run-out / initial length",
            {f"aspect {aspect:g}, {label}": point}, {LUBE: (ratios, known)},
        )  # fmt: skip
        heap = Plot(
            f"Heap in a channel, aspect {aspect:g}", "distance / initial length", "depth / initial length",
            {label: profile}, {"at the start": (np.array([0.0, 1.0, 1.0]), np.array([aspect, aspect, 0.0]))},
        )  # fmt: skip
        return against, heap
