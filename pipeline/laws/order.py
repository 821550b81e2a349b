"""The bodies' error falls with the order of their time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Body, Finding, Float64, Measurement, Plot

DECLARED = 1.0
"""Order of Bullet's integration of a spin whose axis moves (semi-implicit Euler with an implicit gyroscopic term)."""


@dataclass
class Order(Law):
    """A block that spins about no principal axis, without gravity and in free fall; `simulator.body_step` is halved."""

    kind: ClassVar[str] = "bodies"
    seconds: float = 0.5
    """Length of the motion [s]."""
    steps: list[float] = field(
        default_factory=lambda: [1 / 120, 1 / 240, 1 / 480, 1 / 960],
    )
    """Steps of the bodies [s]."""

    @property
    def cases(self) -> Sequence[str]:
        """One that has an error, and one that has none."""
        return ("spin of a block", "free fall")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Slope of the error's logarithm; raises ValueError for a simulator without a step of the bodies."""
        if "body_step" not in [setting.name for setting in fields(simulator)]:
            raise ValueError("law order: expected a simulator with a setting body_step, got one without")
        gravity = GRAVITY if case == "free fall" else 0.0
        block = self._block()
        errors = np.array([self._error(block, case, gravity, step, simulator) for step in self.steps])
        source = "Convergence: error ~ step^order; Euler 1758 (rigid body without torque), integrated to 1e-11"
        if case == "free fall":
            row = Measurement(case, "largest error of height", 0.0, float(errors.max()), 1e-9, "m",
                              "Leapfrog is exact under a constant force")  # fmt: skip
            return Finding((row,))
        slope = float(np.polyfit(np.log(self.steps), np.log(errors), 1)[0])
        rows = (
            Measurement(case, "order of the orientation", DECLARED, slope, 0.3, "1", source),
            Measurement(
                case, "error of the orientation at the finest step", 0.0, float(errors[-1]), np.inf, "rad", source
            ),
        )
        curve = Plot("Order of the bodies' step", "step [s]", "error of the orientation [rad]",
                     {case: (np.array(self.steps), errors)})  # fmt: skip
        return Finding(rows, (curve,))

    def _block(self) -> Body:
        from pipeline.scenarios import _shapes as shapes

        return body(shapes.box((0.1, 0.06, 0.04)), (0.0, 0.0, 3.0), angular_velocity=(3.0, 8.0, 1.0))

    def _error(self, block: Body, case: str, gravity: float, step: float, simulator: Simulator) -> float:
        finer = replace(simulator, body_step=step)  # type: ignore[call-arg]
        happened = play(finer, scene([block], seconds=self.seconds, fps=20.0, gravity=(0.0, 0.0, -gravity)))
        if case == "free fall":
            height = 3.0 - gravity * happened.time**2 / 2
            return float(np.abs(happened.body_position[:, 0, 2] - height).max())
        from scipy.spatial.transform import Rotation

        exact = Rotation.from_quat(_free_spin(block, self.seconds))
        return float((Rotation.from_quat(happened.body_orientation[-1, 0]) * exact.inv()).magnitude())


def _free_spin(block: Body, seconds: float) -> Float64:
    """Quaternion that a body on which no torque acts has turned to: Euler's equations in the body's frame."""
    from scipy.integrate import solve_ivp

    inertia = np.asarray(block.inertia)

    def change(_: float, state: Float64) -> Float64:
        spin, (x, y, z, w) = state[:3], state[3:]
        p, q, r = spin
        turn = [w * p + y * r - z * q, w * q + z * p - x * r, w * r + x * q - y * p, -x * p - y * q - z * r]
        return np.concatenate([np.cross(inertia * spin, spin) / inertia, 0.5 * np.array(turn)])

    start = np.concatenate([np.asarray(block.angular_velocity), np.array([0.0, 0.0, 0.0, 1.0])])
    solved = solve_ivp(change, (0.0, seconds), start, rtol=1e-11, atol=1e-12)
    turned: Float64 = solved.y[3:, -1]
    return turned
