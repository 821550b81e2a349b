"""A round column of sand is let go: run-out, height, slope and packing of the heap that remains.

Lube, Huppert, Sparks & Hallworth, J. Fluid Mech. 508, 175 (2004); Lajeunesse, Mangeney-Castelnau & Vilotte,
Phys. Fluids 16, 2371 (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _heaps
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement, Plot, Trajectory

LUBE = "Lube et al. 2004"
ASPECTS = (0.5, 0.7, 1.0, 1.5, 2.5)
"""Initial height / initial radius."""
STUDIED = 1.0
"""Aspect ratio of the resolution study."""
SLOPE = 22.0
"""Chord between 10 % and 80 % of the height at aspect 1 [degree]: a straight cone of the repose angle with Lube's
run-out would hold more than the column did, so the deposit is concave."""


def run_out(aspect: float) -> float:
    """(final radius - initial radius) / initial radius (Lube et al. 2004)."""
    return 1.24 * aspect if aspect < 1.7 else 1.6 * float(np.sqrt(aspect))


def centre_height(aspect: float) -> tuple[float, float]:
    """Lowest and highest published final height / initial radius.

    Lowest: glass beads, the initial height up to aspect 0.74, then 0.74 (Lajeunesse et al. 2004). Highest: sand, sugar
    and the like, 0.88 aspect^(1/6) (Lube et al. 2004), and no higher than at the start.
    """
    return min(aspect, 0.74), min(aspect, 0.88 * aspect ** (1 / 6))


@dataclass
class ColumnCollapse(Law):
    """Heaps of columns of several aspect ratios, and of one ratio at several resolutions."""

    kind: ClassVar[str] = "sand"
    radius: float = 0.2
    """Initial radius [m]."""
    cells: int = field(default=12, metadata={"quick": 9})
    """Grid cells across the initial radius."""
    study: list[int] = field(default_factory=lambda: [6, 8, 10, 16], metadata={"quick": [6]})
    """Further numbers of cells, for the error against the cell size at aspect 1."""

    @property
    def _runs(self) -> dict[str, tuple[float, int]]:
        """Case -> aspect ratio, cells across the radius."""
        runs = [(aspect, self.cells) for aspect in ASPECTS] + [(STUDIED, cells) for cells in self.study]
        return {f"aspect {aspect:g}, {cells} cells a radius": (aspect, cells) for aspect, cells in runs}

    @property
    def cases(self) -> Sequence[str]:
        """Aspect ratios at `cells`, then aspect 1 at the resolutions of the study."""
        return tuple(self._runs)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """One column."""
        if case not in self._runs:
            raise ValueError(f"Law column_collapse: expected a case out of {', '.join(self.cases)}, got '{case}'")
        aspect, cells = self._runs[case]
        happened = self._play(aspect, self.radius / cells, simulator)
        grains, volume = happened.particle_position[-1], happened.particle_spacing**3
        profile = _heaps.round_profile(grains, volume, self.radius)
        gone = _heaps.reach(*profile, _heaps.MARGIN) - 1
        rows = [_run_out_row(case, aspect, gone, cells == self.cells)]
        if cells == self.cells:
            rows += self._shape_rows(case, aspect, happened, profile)
        return Finding(tuple(rows), _plots(aspect, cells, gone, profile))

    def _play(self, aspect: float, cell: float, simulator: Simulator) -> Trajectory:
        """Start, and 6 sqrt(height / g) later: Lube et al. saw the last motion by 3.3 sqrt(height / g)."""
        from pipeline.materials.sand import Sand

        r, height = self.radius, aspect * self.radius
        half = 1.3 * r * (1 + run_out(aspect))
        column = replace(Sand().fill(((-r, -r, 0.0), (r, r, height))), form="cylinder")
        seconds = 6 * float(np.sqrt(height / GRAVITY))
        return play(
            simulator,
            scene([], column, Container((2 * half, 2 * half, height)), seconds=seconds, fps=1 / seconds),
            cell,
        )

    def _shape_rows(
        self, case: str, aspect: float, happened: Trajectory, profile: tuple[Float64, Float64]
    ) -> list[Measurement]:
        """Height, packing and, at aspect 1, slope."""
        r = self.radius
        top = _heaps.summit(happened.particle_position[-1], happened.particle_spacing, 0.15 * r) / r
        low, high = centre_height(aspect)
        rows = [
            Measurement(
                case, "height at the centre / initial radius", (low + high) / 2, top,
                max((high - low) / 2, 0.05 * high), "1",
                "between Lajeunesse et al. 2004 (glass beads) and Lube et al. 2004, 0.88 a^(1/6)", "sand",
            ),
            Measurement(
                case, "volume inside after / before", 1.0, _heaps.swelling(happened), 0.03, "1",
                "sand that comes to rest is packed about as it was poured", "sand",
            ),
        ]  # fmt: skip
        if aspect == STUDIED:
            slope = _heaps.chord(*profile, top)
            rows.append(
                Measurement(
                    case, "chord between 10 % and 80 % of the height", SLOPE, slope, 4.0, "degree",
                    "profiles in Lube et al. 2004 and Lajeunesse et al. 2004", "sand",
                )
            )  # fmt: skip
        return rows


def _run_out_row(case: str, aspect: float, gone: float, judged: bool) -> Measurement:
    tolerance = (0.25 if aspect < 1 else 0.15) * run_out(aspect) if judged else float("inf")
    source = f"{LUBE}: 1.24 a below a = 1.7, 1.6 sqrt(a) above"
    return Measurement(case, "run-out / initial radius", run_out(aspect), gone, tolerance, "1", source, "sand")


def _plots(aspect: float, cells: int, gone: float, profile: tuple[Float64, Float64]) -> tuple[Plot, Plot]:
    """Run-out against aspect ratio, and the heap's profile."""
    ratios = np.linspace(0.3, 2.8, 51)
    known = np.array([run_out(ratio) for ratio in ratios])
    label = f"{cells} cells a radius"
    return (
        Plot(
            "Run-out of a round column", "initial height / initial radius", "run-out / initial radius",
            {f"aspect {aspect:g}, {label}": (np.array([aspect]), np.array([gone]))}, {LUBE: (ratios, known)},
        ),
        Plot(
            f"Heap of a round column, aspect {aspect:g}", "distance / initial radius", "depth / initial radius",
            {label: profile}, {"at the start": (np.array([0.0, 1.0, 1.0]), np.array([aspect, aspect, 0.0]))},
        ),
    )  # fmt: skip
