"""The nouns of the pipeline: what one room hands to the next.

Everything is in SI units, world axes are z up, arrays are NumPy and are treated as read-only.
Quaternions are (x, y, z, w) as in PyBullet; colours are linear RGB in 0..1; pixel coordinates have
their origin at the top left corner with pixel centres at +0.5; cameras follow OpenCV
(x right, y down, z forward).
"""

from __future__ import annotations

from pipeline.types._clip import Clip, FlowField, Instance, Layers, Prompt, Take
from pipeline.types._finding import Finding, Measurement, Plot
from pipeline.types._opinion import Attempt, Example, Judgement, Score, Verdict
from pipeline.types._scene import (
    BACKGROUND,
    Body,
    Bool,
    Camera,
    Colour,
    Container,
    Float32,
    Float64,
    Light,
    Medium,
    Mesh,
    Path,
    Scene,
    Surface,
    Trajectory,
    UInt8,
    Vector,
)

__all__ = [
    "BACKGROUND",
    "Attempt",
    "Body",
    "Bool",
    "Camera",
    "Clip",
    "Colour",
    "Container",
    "Example",
    "Finding",
    "Float32",
    "Float64",
    "FlowField",
    "Instance",
    "Judgement",
    "Layers",
    "Light",
    "Measurement",
    "Medium",
    "Mesh",
    "Path",
    "Plot",
    "Prompt",
    "Scene",
    "Score",
    "Surface",
    "Take",
    "Trajectory",
    "UInt8",
    "Vector",
    "Verdict",
]
