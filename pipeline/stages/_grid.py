"""What a study varies: its settings, and the cells of its grid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

BASE = "base"
"""Arm of what all cells are fine-tuned from, without any clip of the pool."""


@dataclass
class Level:
    """The most that a clip may be off the simulator's truth to pass; what the truth does not show is not asked."""

    path: float
    """Mean distance of the bodies from where they are [share of the picture's side]."""
    velocity: float
    """Mean error of their velocity [sides per second]."""
    final: float
    """Distance of the bodies over the last quarter of the clip [share of the picture's side]."""
    medium: float
    """Mean error of how much of the medium is seen [share of the medium]."""
    lost: float
    """Share of the frames in which the bodies may be lost."""

    def __post_init__(self) -> None:
        if not all(bound > 0 for bound in vars(self).values()):
            raise ValueError(f"study.levels: expected positive bounds, got {self}")


def _levels() -> dict[str, Level]:
    """Fixed by an argument, not by results: bodies are about a fifth of the picture wide. A rough pass is half a body
    off, and as far off in its velocity as changes that by a tenth of a second; every further level halves it all."""
    rough = Level(path=0.1, velocity=1.0, final=0.1, medium=0.2, lost=0.2)
    halves = {"rough": 1.0, "fair": 0.5, "strict": 0.25}
    return {name: Level(**{key: by * bound for key, bound in vars(rough).items()}) for name, by in halves.items()}


@dataclass
class Sampling:
    """How often a scene of a test is put to a stochastic model, so that pass rates can be told (docs/passing.md)."""

    wanted: int = 0
    """Passes at which sampling stops: 2 or more, better 5; 0: no scene is sampled."""
    cap: int = 40
    """Samples at which it stops in any case."""
    scenes: int = 3
    """Of each test and grade, so many first ones."""
    level: str = "rough"
    """What it is to pass."""
    slack: list[float] = field(default_factory=lambda: [1.0, 2.0, 4.0])
    """So many times as wide are the level's bounds taken when rates are told: the same samples say how many would have
    passed."""

    def __post_init__(self) -> None:
        if self.wanted < 0 or self.wanted == 1 or self.cap < 1 or self.scenes < 1:
            raise ValueError(
                "study.sampling: expected wanted of 0 or at least 2, cap and scenes of at least 1, "
                f"got {self.wanted}, {self.cap} and {self.scenes}"
            )
        if not self.slack or min(self.slack) < 1.0:
            raise ValueError(f"study.sampling.slack: expected factors of at least 1, got {self.slack}")


@dataclass
class Study:
    """A grid of trainings, each asked and scored on the same tests. docs/study.md has an example of each setting.

    Lists of words are settings as on the command line ('curation.choose=random'), on top of the command's own.
    """

    sizes: list[int] = field(default_factory=list)
    """Training clips of a cell: 16, 64, 256 ..., the smaller sets contained in the larger."""
    arms: dict[str, list[str]] = field(default_factory=dict)
    """Name -> settings of how the clips are chosen, ordered and trained on: curation.*, training.*."""
    models: dict[str, list[str]] = field(default_factory=dict)
    """Name -> settings of the model: model.*; empty: the command's own, called 'model'."""
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """Each draws other clips of the pool (where chance draws) and trains from another seed."""
    pool: list[str] = field(default_factory=list)
    """Settings of the clips that all cells choose from. With redraws and a base, the base answers and the judge
    scores them first, so that curation can tell which are instructive."""
    base: list[str] = field(default_factory=list)
    """Settings of a training before, one a model, from which all cells go on; empty: they begin fresh."""
    tests: dict[str, list[str]] = field(default_factory=dict)
    """Name -> settings of scenes that no cell trains on."""
    levels: dict[str, Level] = field(default_factory=_levels)
    """Strictness of passing, from loose to strict."""
    sampling: Sampling = field(default_factory=Sampling)
    shown: int = 2
    """Scenes of each test of which the page shows strips."""

    def __post_init__(self) -> None:
        if any(size < 1 for size in self.sizes) or any(seed < 0 for seed in self.seeds):
            raise ValueError(f"study: expected sizes >= 1 and seeds >= 0, got {self.sizes} and {self.seeds}")
        for what in ("sizes", "seeds"):
            if len(set(getattr(self, what))) < len(getattr(self, what)):
                raise ValueError(f"study.{what}: expected different ones, got {getattr(self, what)}")
        if self.sampling.level not in self.levels:
            raise ValueError(
                f"study.sampling.level: expected one of {', '.join(self.levels)}, got '{self.sampling.level}'"
            )
        for what in ("arms", "models", "tests"):
            for name in getattr(self, what):
                if not re.fullmatch(r"[a-z0-9_]+", name) or (what, name) == ("arms", BASE):
                    raise ValueError(
                        f"study.{what}: expected names of small letters, digits and _ (and no arm called {BASE}), "
                        f"got '{name}'"
                    )

    @property
    def variants(self) -> dict[str, list[str]]:
        """The models, or the command's own."""
        return self.models or {"model": []}

    def check(self) -> None:
        """Raises ValueError if there is nothing to study."""
        empty = [what for what in ("sizes", "arms", "seeds", "tests") if not getattr(self, what)]
        if empty:
            raise ValueError(
                f"stage=study: expected {', '.join(f'study.{what}' for what in empty)}, got none; begin with a preset: "
                "experiment=study_quick, study_small, study_gpu or mend_sand"
            )

    def cells(self) -> list[Cell]:
        """All cells, in an order in which a study that is cut short has whole curves of fewer seeds."""
        return [
            Cell(arm, size, model, seed)
            for seed in self.seeds
            for size in sorted(self.sizes)
            for model in self.variants
            for arm in self.arms
        ]


@dataclass(frozen=True)
class Cell:
    """One training."""

    arm: str
    size: int
    """Clips asked for."""
    model: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.arm}-{self.size}-{self.model}-{self.seed}"

    @property
    def choice(self) -> str:
        """Name of its training set, which models share."""
        return f"{self.arm}-{self.size}-{self.seed}"
