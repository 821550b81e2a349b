"""The staircase, in the order in which a run walks it.

run       all of the steps below up to the report (the default)
simulate  Scenario -> Scene -> Trajectory -> truth clips, and re-draws of each
generate  Prompt -> clips by the model and the baselines
score     truth, re-draws and generated clips -> scores and plausibility
curate    which truth clips go into the training set, and why
export    the training set in the layouts that trainers read
report    one page about it all
review    people look at the clips and decide, on a local web page -> decisions.sqlite, which stage=curate heeds
train     the training set -> weights of a model that learns
exam      truth clips with physics broken on purpose -> does the judge notice? exam.json and its page
validate  the simulator before published laws and experiments -> validation.json and its page
study     a grid of trainings, asked and scored on the same tests -> learning curves, what was gained and lost
bench     errors of the flow estimators, and what every stage costs -> bench.json and its page
status    where the run stands, told from its folder alone
verify    is everything as it was made? repair=true makes truth clips that are not again
publish   what is finished -> a folder, a bucket or whatever else fsspec reaches

Each file holds one function of its own name, `stage(run) -> Tally`: load, call one room, save. (`review` is a server
until it is interrupted, and returns nothing, like `status`; `study` is told how to ask for more runs.)
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import shelf
from pipeline.curation import Curation
from pipeline.engines import Engine
from pipeline.exporters import Exporter
from pipeline.flows import Flow
from pipeline.judge import Judge
from pipeline.laws import Law
from pipeline.materials import Material
from pipeline.metrics import Metric
from pipeline.models import Model
from pipeline.renderers import Renderer
from pipeline.review import Review, check_reviewer
from pipeline.scenarios import Scenario
from pipeline.simulators import Simulator
from pipeline.stages._grid import Study
from pipeline.training import Training
from pipeline.unreferenced import Unreferenced
from pipeline.violations import LEVELS, Violation

STAGES = (
    "run",
    "simulate",
    "generate",
    "score",
    "curate",
    "export",
    "report",
    "review",
    "train",
    "exam",
    "validate",
    "study",
    "bench",
    "status",
    "verify",
    "publish",
)
REFERENCES = ("redraws", "take", "none")
WALK = ("simulate", "generate", "score", "curate", "export", "report")


def quick(normal: int, coarse: int) -> int:
    """A field whose default is `coarse` when `quick=true`; app.py reads it from the field's metadata."""
    return field(default=normal, metadata={"quick": coarse})  # type: ignore[no-any-return]


@dataclass(kw_only=True)
class Run:
    """Everything that one command was asked for: numbers, and the plug-ins that do the work."""

    stage: str = "run"
    """What to do, one of STAGES."""
    run: str = "first"
    """Name of the run; it lives in <outputs>/<run>."""
    outputs: str = "outputs"
    """Folder of all runs."""
    seed: int = 0
    """All randomness of the run grows from it."""
    clips: int = quick(12, 3)
    """Number of scenes."""
    redraws: int = 3
    """Re-draws of each scene within the unobserved: the null that scores are calibrated against."""
    samples: int = 1
    """Clips that a model makes of each prompt."""
    prompt_frames: int = 4
    """How many first frames a model sees."""
    height: int = quick(128, 64)
    """[px]"""
    width: int = quick(128, 64)
    """[px]"""
    fps: float = 24.0
    """[1/s]"""
    num_frames: int = quick(33, 17)
    """Frames of a clip, the prompt's included."""
    quick: bool = False
    """Coarse particles, small pictures, few clips: for tests and a first look."""
    device: str = "cpu"
    """cpu or cuda, for every plug-in that has a device of its own."""
    asset: str = ""
    """What the scenario's body is: a mesh of ours, a model of pybullet_data or a file; empty: what the scenario has."""
    shard: str = ""
    """Which part of the clips stage=simulate makes, or of the cells stage=study, e.g. 3/64: the third of 64. Shards may
    work at the same time, in one folder; empty: all."""
    dry: bool = False
    """stage=simulate only says what it would make, and what it would take, going by what of the run is there."""
    price: float = 0.0
    """Of a CPU hour, in whatever currency, for dry=true."""
    repair: bool = False
    """stage=verify makes damaged truth clips again."""
    publish: str = ""
    """Where stage=publish puts the run: a folder, or a URL of fsspec such as s3://bucket/sets (extra s3)."""

    scenario: Scenario
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    """What the clips take turns over instead, if any are named: scenarios=[drop,heap]."""
    material: Material | None = None
    """None: the clips take turns over the scenario's own materials."""
    simulator: Simulator
    renderer: Renderer
    model: Model
    """The model under examination."""
    baselines: dict[str, Model] = field(default_factory=dict)
    """Models that are always run beside it, for comparison."""
    flow: Flow
    """Estimates the flow of truth and answers alike."""
    flows: dict[str, Flow] = field(default_factory=dict)
    """What stage=bench examines; all estimators unless some are chosen: flows=[dis,farneback]."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    reference: str = "redraws"
    """What stage=score compares with: redraws (the null), take (the first re-draw alone, as a real second take), or
    none (laws alone, for clips of unknown origin: model=folder model.path=FOLDER, no scenes needed)."""
    judge: Judge = field(default_factory=Judge)
    unreferenced: Unreferenced = field(default_factory=Unreferenced)
    """Bounds of the laws that speak where reference=none."""
    review: Review = field(default_factory=Review)
    """What stage=review shows, to whom, and where it listens."""
    reviewer: str = ""
    """Who reviews: the id that decisions are signed with; empty: the page asks."""
    curation: Curation = field(default_factory=Curation)
    exporters: dict[str, Exporter] = field(default_factory=dict)
    allow_unvalidated: bool = False
    """Export clips also where no law vouches for the solver that made them; their card says so."""
    laws: dict[str, Law] = field(default_factory=dict)
    """What stage=validate examines; all laws unless some are chosen: laws=[dam_break,repose]."""
    violations: dict[str, Violation] = field(default_factory=dict)
    """What stage=exam examines the judge with; all unless some are chosen: violations=[vanish,reverse]."""
    levels: list[int] = field(default_factory=lambda: list(LEVELS))
    """Severities of the violations in the exam."""
    training: Training = field(default_factory=Training)
    study: Study = field(default_factory=Study)
    """The grid of stage=study."""
    engine: Engine

    def __post_init__(self) -> None:
        """Say what is wrong before any work is done."""
        if self.stage not in STAGES:
            raise ValueError(f"stage: there is no '{self.stage}', choose one of {', '.join(STAGES)}")
        if self.reference not in REFERENCES:
            raise ValueError(f"reference: expected one of {', '.join(REFERENCES)}, got '{self.reference}'")
        if self.reference == "none" and self.stage not in ("score", "generate"):
            raise ValueError(f"reference=none: expected stage=score, got stage={self.stage}: there is no truth to walk")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device: expected cpu or cuda, got '{self.device}'")
        if not self.run or self.run != Path(self.run).name or self.run.startswith("."):
            raise ValueError(f"run: expected a plain folder name such as run=first, got '{self.run}'")
        if self.shard and self.stage not in ("simulate", "study"):
            raise ValueError(
                f"shard: expected stage=simulate or study, got stage={self.stage}: the others do all clips"
            )
        if self.dry and self.stage != "simulate":
            raise ValueError(f"dry: expected stage=simulate, got stage={self.stage}")
        if self.shard and not _is_shard(self.shard):
            raise ValueError(f"shard: expected NUMBER/OF such as 3/64, counted from 1, got '{self.shard}'")
        self.shard = "" if self.shard == "1/1" else self.shard
        least = {
            "seed": 0,
            "clips": 1,
            "redraws": 0,
            "samples": 1,
            "prompt_frames": 1,
            "height": 16,
            "width": 16,
            "num_frames": 3,
        }
        for key, bound in least.items():
            if not getattr(self, key) >= bound:
                raise ValueError(f"{key}: expected at least {bound}, got {getattr(self, key)}")
        for story, scenario in self.stories.items():
            if self.asset and not hasattr(scenario, "asset"):
                raise ValueError(f"asset: scenario {story} takes none, got '{self.asset}'")
        if self.reviewer:
            check_reviewer(self.reviewer)
        if not self.levels or not set(self.levels) <= set(LEVELS):
            raise ValueError(f"levels: expected some of {LEVELS}, got {self.levels}")
        if not 0 < self.fps < math.inf:
            raise ValueError(f"fps: expected a positive rate, got {self.fps}")
        if self.num_frames <= self.prompt_frames:
            raise ValueError(
                f"num_frames: expected more than prompt_frames={self.prompt_frames}, got {self.num_frames}: "
                "nothing would be left for the model to tell"
            )

    @property
    def folder(self) -> Path:
        """Where the run lives."""
        return Path(self.outputs) / self.run

    @property
    def stories(self) -> dict[str, Scenario]:
        """The scenarios of the run by name."""
        return self.scenarios or {shelf.name(self.scenario): self.scenario}

    @property
    def models(self) -> dict[str, Model]:
        """The model under examination first, then the baselines."""
        mine = self.model.called
        return {mine: self.model, **{key: one for key, one in self.baselines.items() if key != mine}}


def _is_shard(text: str) -> bool:
    number, _, of = text.partition("/")
    return number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)


@dataclass(frozen=True)
class Tally:
    """What a stage did: counted and named, so that nothing is lost in silence."""

    stage: str
    done: Collection[str] = ()
    """Names of the units that are complete, whether made now or found."""
    made: int = 0
    """How many of them were made now."""
    failed: dict[str, str] = field(default_factory=dict)
    """Name of a unit -> what went wrong."""
