"""What the page is told. Absent numbers are None or come with a reason, never NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.types import Float64, Judgement, Measurement, Plot, Score, Take, Verdict


@dataclass(frozen=True)
class StageCount:
    """What became of one stage."""

    stage: str
    done: int
    failed: Mapping[str, str] = field(default_factory=dict)
    """Name of the unit of work -> the line that says what went wrong."""
    cpu_seconds: float | None = None
    wall_seconds: float | None = None


@dataclass(frozen=True)
class Case:
    """What a clip is an example of."""

    clip_id: str
    scenario: str
    material: str
    grade: str


@dataclass(frozen=True)
class Mean:
    """A mean over clips."""

    mean: float
    """0..100."""
    standard_error: float | None
    """Standard deviation of the clips' values over sqrt(n); None for n = 1."""
    n: int
    """Clips behind the mean; several samples of a clip count as one."""


@dataclass(frozen=True)
class MeanError(Mean):
    """A mean error against the truth, in a unit of its own."""

    unit: str


@dataclass(frozen=True)
class ModelSummary:
    """All judgements of one model."""

    model: str
    role: str
    """model, baseline, or reference (the truth drawn again)."""
    plausibility: Mean | None
    """None if nothing of the model was judged."""
    metrics: Mapping[str, Mean]
    by_scenario: Mapping[str, Mean]
    by_material: Mapping[str, Mean]
    by_grade: Mapping[str, Mean]
    by_clip: Mapping[str, float]
    """Clip id -> plausibility, mean over samples."""
    degenerate: Mapping[str, str]
    """'<clip_id>/<sample>' -> why it was gated; these count as 0 in every mean."""
    missing: tuple[str, ...]
    """Clips without any judgement of this model: failures, which no mean can hold."""
    errors: Mapping[str, MeanError] = field(default_factory=dict)
    """Against the simulator's truth, over the clips about which it can be told."""
    errors_by_material: Mapping[str, Mapping[str, MeanError]] = field(default_factory=dict)
    """Material -> the same of its clips."""


@dataclass(frozen=True)
class Curve:
    """A quantity over time: in the truth, in a model's answer, and within the truth drawn again."""

    name: str
    unit: str
    truth: Float64
    """Shape (T,)."""
    answer: Float64
    """Shape (T,)."""
    low: Float64 | None = None
    """Least over the truth and its re-draws, shape (T,); None without re-draws."""
    high: Float64 | None = None
    """Largest, shape (T,)."""


@dataclass(frozen=True)
class ModelAnswer:
    """What one model made of one clip's first frames."""

    model: str
    sample: int
    take: Take | None = None
    """None if there is no clip: then `failure` says why."""
    judgement: Judgement | None = None
    scores: tuple[Score, ...] = ()
    curves: tuple[Curve, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class ClipRow:
    """One truth clip and all answers to it."""

    case: Case
    caption: str
    seed: int
    truth: Take
    prompt_frames: int
    """How many first frames the models were given."""
    answers: tuple[ModelAnswer, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    """Words -> value with unit, e.g. 'density of the ball' -> '7800 kg/m3'."""


@dataclass(frozen=True)
class Page:
    """Everything the page shows."""

    run: str
    quick: bool
    facts: Mapping[str, str]
    """What was run: seed, model and its hash, device, code revision, flow estimator, ..."""
    stages: tuple[StageCount, ...]
    summaries: tuple[ModelSummary, ...]
    """The model under examination first, then baselines, then the reference."""
    clips: Iterable[ClipRow]
    """The clips shown in full; read once, one at a time, so a generator that loads them one by one is welcome."""
    cases: tuple[Case, ...]
    """All clips of the run, shown or not."""
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    """What one should know of the training set before it is used."""
    exports: Mapping[str, str] = field(default_factory=dict)
    """Format -> folder."""
    motion_distances: Mapping[str, float] = field(default_factory=dict)
    """Model -> distance of its whole set's motion from the truth's (fvmd) [px^2]; without models that have none."""


@dataclass(frozen=True)
class SheetClip:
    """One truth clip on the contact sheet."""

    case: Case
    caption: str
    strip: str
    """Frames side by side, as a data URI."""
    layers: str
    """Depth, instances and forward flow in the middle of the clip, as a data URI; empty if it has no layers."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Words -> value with unit."""


@dataclass(frozen=True)
class SheetPage:
    """Everything the contact sheet shows."""

    run: str
    quick: bool
    facts: Mapping[str, str]
    clips: Iterable[SheetClip]
    """Read once, one at a time."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Clip or re-draw that could not be made -> why."""


@dataclass(frozen=True)
class LawSection:
    """What was found about one law."""

    law: str
    kind: str
    """sand, liquid, coupling or bodies."""
    words: str
    """What the law is about."""
    measurements: tuple[Measurement, ...]
    plots: tuple[Plot, ...]
    cpu_seconds: float


@dataclass(frozen=True)
class LawPage:
    """Everything the page of laws shows."""

    quick: bool
    facts: Mapping[str, str]
    sections: tuple[LawSection, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    """Case that could not be examined -> why."""


@dataclass(frozen=True)
class UnreferencedClip:
    """One clip of unknown origin."""

    model: str
    name: str
    lawfulness: float
    """0..100."""
    parts: Mapping[str, float]
    gate: str
    worst: int | None
    """Frame that is least lawful; None if none breaks a law."""
    strip: str
    """Frames side by side, as a data URI."""
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UnreferencedPage:
    """Everything the page of clips without a scene shows."""

    run: str
    note: str
    """What these numbers are not."""
    totals: Mapping[str, Mapping[str, Any]]
    """Model -> entry of summary.json's `unreferenced`."""
    clips: Sequence[UnreferencedClip]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def laws(self) -> list[str]:
        """Names of all laws that spoke, in alphabetical order."""
        return sorted({name for one in self.totals.values() for name in one["parts"]})


@dataclass(frozen=True)
class ExamPage:
    """Everything the page of the judge's exam shows."""

    quick: bool
    scenes: int
    clips: int
    level_names: tuple[str, ...]
    halves: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Half of the scenes (the headline first) -> score -> what exam.json says of it; the judge comes first."""
    targets: Sequence[Mapping[str, Any]]
    """Rows of exam.json: what, bound, most, measured, met."""
    words: Mapping[str, str]
    """Violation -> what it does."""
    strips: Mapping[str, str]
    """Violation -> picture of one clip as a data URI; empty where there is none."""
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The half whose figures are quoted."""
        return next(iter(self.halves))

    @property
    def candidates(self) -> Mapping[str, Mapping[str, Any]]:
        """What is said of each score in that half."""
        return self.halves[self.headline]

    @property
    def ours(self) -> Mapping[str, Any]:
        """What is said of the judge."""
        return next(iter(self.candidates.values()))

    @property
    def levels(self) -> int:
        """Number of severities."""
        return len(self.level_names)
