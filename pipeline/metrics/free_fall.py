"""Whether bodies fall as they must before they hit anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._tracks import Track, centre, tracks
from pipeline.types import Bool, Float64, Score, Take


@dataclass
class FreeFall(Metric):
    """Distance of the bodies' paths while they fly and when they arrive, and only then.

    Until a body touches something nothing is left to chance: where it is follows from what the prompt shows, and any
    distance is a wrong acceleration (twice the distance over the time squared). A fall often takes a few frames of a
    long clip; over the whole clip its error would be lost among frames at rest. Two frames of arrival belong to it:
    a fall that is too slow is not there yet. Silent afterwards and without a flying body. Unit: pixels.
    """

    arrival: int = 2
    """Frames after the flight that still tell of it."""

    def __post_init__(self) -> None:
        if self.arrival < 0:
            raise ValueError(f"metric free_fall: arrival must be >= 0 frames, got {self.arrival}")

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over the frames of flight of the farthest body's distance; parts: apparent accelerations."""
        check_pair(truth, other, "free_fall")
        sight = look(truth.clip, other.clip)
        diagonal = float(np.hypot(*sight.exact.shape[1:]))
        away = np.full(len(sight.exact), np.nan)
        parts: dict[str, float] = {}
        curves = {}
        for body in tracks(sight):
            flying = in_flight(body.exact)
            if not flying.any():
                continue
            parts |= _accelerations(body, flying)
            last = int(np.flatnonzero(flying)[-1])
            flying[last : last + 1 + self.arrival] = True
            sure = np.clip(body.found / np.maximum(0.25 * body.seen, 1), 0, 1)
            distance = sure * np.linalg.norm(body.got - body.expected, axis=-1) + (1 - sure) * diagonal
            # What hides the body in the truth (the sand that it sinks into) hides where it is.
            weight = np.clip(body.seen / max(float(body.seen[:last].max()), 1.0), 0, 1)
            away = np.fmax(away, np.where(flying, weight * distance, np.nan))
            fallen = (path[:, 1] - path[0, 1] for path in (body.expected, body.got))
            pair = [np.where(flying, down, np.nan).astype(np.float32) for down in fallen]
            curves[f"fall of {body.name.replace('_', ' ')} ({body.id}) [px]"] = (pair[0], pair[1])
        return score(truth, other, "free_fall", "pixels", away.astype(np.float32), parts, curves)


def in_flight(exact: Bool) -> Bool:
    """Frames in which a body of the truth flies freely and is wholly in view, from its mask (T, H, W); shape (T,).

    A flight begins with the clip and ends where the centre leaves the parabola through the frames before, by half of
    its own acceleration and a pixel: an impact. A body that does not move in the first frames does not fly.
    """
    path, area = centre(exact)
    inside = exact[:, 1:-1, 1:-1].sum(axis=(1, 2))
    edge = inside < exact.sum(axis=(1, 2))
    flying: Bool = np.zeros(len(path), bool)
    if len(path) < 4 or edge[:4].any() or area[:4].min() == 0 or np.linalg.norm(path[3] - path[0]) < 3:
        return flying
    flying[:4] = True
    for t in range(4, len(path)):
        ahead = _continued(path[max(0, t - 6) : t])
        bend = np.linalg.norm(path[t - 1] - 2 * path[t - 2] + path[t - 3])
        if area[t] < 0.7 * area[:4].mean() or edge[t] or np.linalg.norm(path[t] - ahead) > 0.5 * bend + 1:
            break
        flying[t] = True
    return flying


def _continued(path: Float64) -> Float64:
    """Where the parabola through the points (N, 2), N >= 4, is one frame later."""
    time = np.arange(len(path))
    return np.array([np.polyval(np.polyfit(time, one, 2), len(path)) for one in path.T])


def _accelerations(body: Track, flying: Bool) -> dict[str, float]:
    """Downward, in the picture, over the whole flight [px/frame^2], of truth and other."""
    time = np.flatnonzero(flying)
    fits = (2 * np.polyfit(time, path[time, 1], 2)[0] for path in (body.expected, body.got))
    return {f"acceleration_{body.id}_{who}": float(fit) for who, fit in zip(("truth", "other"), fits, strict=True)}
