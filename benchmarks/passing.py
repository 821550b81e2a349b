"""How far pass rates and the laws fitted to them can be trusted: everything is checked on passes whose truth is known.

    PYTHONPATH=. python benchmarks/passing.py [estimates] [means] [laws] [trends] [forecasts] [errors]    or all of them
    ... --studies=400                                                   simulated studies a row, all but `estimates`

estimates: bias and coverage of the 95 % interval, summed exactly over all outcomes: no simulation
means:     the mean over a grade's scenes
laws:      the exponent's 95 % interval
trends:    what a straight, an accelerated and a sub-scaling trend are called
forecasts: the largest size from the smaller ones: 95 % intervals of its pass rate and of what is measured there
errors:    error = a N^-b + c: 95 % intervals of b, of the floor's share, and of the error at twice the largest N

Studies have 4 sizes, each twice the one before, unless the row says otherwise. Seeds are fixed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.stats import binom, nbinom

from pipeline.passing import Cell, Tally, decay, estimate, fit, hold_out, mean_estimate, trend, unbiased
from pipeline.types import Float64

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9)
SIZES = (30.0, 60.0, 120.0, 240.0)


def outcomes(rate: float, wanted: int, cap: int) -> Iterator[tuple[Tally, float]]:
    """Every tally that sampling may end with, and its probability; those beyond 1e-12 left out."""
    for passes in range(min(wanted, cap + 1)):
        yield Tally(passes, cap, wanted, cap), float(binom.pmf(passes, cap, rate))
    for failures, chance in enumerate(nbinom.pmf(np.arange(cap + 1 - wanted), wanted, rate)):
        if chance > 1e-12:
            yield Tally(wanted, wanted + failures, wanted, cap), float(chance)


@dataclass(frozen=True)
class Quality:
    """Of the estimates at one rate."""

    bias: float
    """Relative."""
    naive_bias: float
    """Relative, of passes/samples."""
    mid_p: float
    """Share of outcomes whose interval holds the truth."""
    exact: float
    censored: float
    unseen: float
    """Share of outcomes without a pass."""


@cache
def interval(told: Tally, method: str) -> tuple[float, float]:
    found = estimate(told, method=method)
    return found.low, found.high


def within(rate: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= rate <= ends[1]


def quality(rate: float, wanted: int, cap: int) -> Quality:
    total = np.zeros(6)
    for told, chance in outcomes(rate, wanted, cap):
        total += chance * np.array(
            [
                unbiased(told) / rate,
                told.passes / told.samples / rate,
                within(rate, interval(told, "mid-p")),
                within(rate, interval(told, "exact")),
                told.censored,
                not told.passes,
            ]
        )
    return Quality(total[0] - 1, total[1] - 1, *map(float, total[2:]))


def drawn(rng: np.random.Generator, rate: float, wanted: int, cap: int) -> Tally:
    """One tally: the gaps between passes are geometric."""
    at = rng.geometric(max(rate, 1e-12), wanted).cumsum()
    if at[-1] <= cap:
        return Tally(wanted, int(at[-1]), wanted, cap)
    return Tally(int((at <= cap).sum()), cap, wanted, cap)


@dataclass(frozen=True)
class Study:
    """A study whose truth is known: log(-log P) = level - alpha t - bend alpha t^2 / (2 span) + what a run adds."""

    name: str
    wanted: int = 5
    cap: int = 1000
    runs: int = 3
    levels: tuple[float, ...] = (0.8,)
    """log(-log P) at the middle size, one a scene; 0.8 is a pass rate of 11 %."""
    alpha: float = 0.5
    bend: float = 0.0
    deviation: float = 0.0
    """Standard deviation of log(-log P) between runs."""
    sizes: tuple[float, ...] = SIZES
    named: bool = True
    """Whether the fit is told which run is which."""

    def predictor(self, size: float) -> Float64:
        """log(-log P) of each scene."""
        t = np.log(size / np.exp(np.mean(np.log(self.sizes))))
        span = np.log(self.sizes[-1] / self.sizes[0])
        return np.array(self.levels) - self.alpha * t - self.bend * self.alpha * t**2 / (2 * span)

    def cells(self, rng: np.random.Generator) -> list[Cell]:
        found = []
        for size in self.sizes:
            for run in range(self.runs):
                shift = self.deviation * rng.standard_normal()
                for scene, place in enumerate(self.predictor(size)):
                    told = drawn(rng, float(np.exp(-np.exp(place + shift))), self.wanted, self.cap)
                    found.append(Cell(size, told, f"s{scene}", f"{run}" if self.named else ""))
        return found


GRADE = (-0.4, 0.2, 0.6, 0.9, 1.2, 1.5)
STUDIES = (
    Study("one scene, one run a size", runs=1),
    Study("one scene, 3 runs a size"),
    Study("... r = 20", wanted=20),
    Study("... hard and capped: P = 0.0006 to 0.07", levels=(1.5,), cap=200),
    Study("... runs differ by 0.2", deviation=0.2),
    Study("... runs differ by 0.5", deviation=0.5),
    Study("... runs differ by 0.5, fit not told", deviation=0.5, named=False),
    Study("6 scenes, one run a size", levels=GRADE, runs=1),
    Study("6 scenes, 3 runs a size", levels=GRADE),
    Study("... capped at 100", levels=GRADE, cap=100),
    Study("... runs differ by 0.2", levels=GRADE, deviation=0.2),
    Study("... runs differ by 0.5", levels=GRADE, deviation=0.5),
    Study("... alpha = 0", levels=GRADE, alpha=0.0),
)


def simulated(study: Study, figures: Callable[[list[Cell]], Sequence[float]], studies: int) -> Float64:
    """Means of some figures over simulated studies, those that allow no fit left out; their share comes last."""
    rng = np.random.default_rng(9)
    told, failed = [], 0
    for _ in range(studies):
        try:
            told.append(figures(study.cells(rng)))
        except ValueError:
            failed += 1
    return np.append(np.mean(told, axis=0), failed / studies)


def say(*words: object) -> None:
    print("|", " | ".join(f"{one:.3f}" if isinstance(one, float) else str(one) for one in words), "|", flush=True)


def estimates(_: int) -> None:
    say("r", "cap", "P", "bias", "bias of r/K", "mid-p", "exact", "censored", "no pass")
    for wanted in (2, 5, 10):
        for cap in (100, 1000, 20000):
            for rate in RATES:
                one = quality(rate, wanted, cap)
                say(wanted, cap, rate, one.bias, one.naive_bias, one.mid_p, one.exact, one.censored, one.unseen)


def means(studies: int) -> None:
    say("scenes", "r", "cap", "mean P", "bias", "coverage")
    rng = np.random.default_rng(9)
    for count, wanted, cap in ((6, 5, 1000), (6, 5, 100), (20, 5, 100), (6, 2, 100), (20, 2, 30)):
        rates = np.exp(-np.exp(np.linspace(-0.4, 1.9, count)))
        told = [mean_estimate([drawn(rng, rate, wanted, cap) for rate in rates]) for _ in range(studies)]
        held = np.mean([one.low <= rates.mean() <= one.high for one in told])
        bias = np.nanmean([one.value for one in told]) / rates.mean() - 1
        say(count, wanted, cap, float(rates.mean()), float(bias), float(held))


def laws(studies: int) -> None:
    say("study", "alpha", "mean fitted", "coverage", "width", "no fit")

    def figures(cells: list[Cell]) -> list[float]:
        law = fit(cells)
        low, high = law.alpha_interval()
        return [law.alpha, low <= study.alpha <= high, high - low]

    for study in STUDIES:
        say(study.name, study.alpha, *map(float, simulated(study, figures, studies)))


def trends(studies: int) -> None:
    kinds = ("linear", "accelerated", "sub-scaling", "undecided")
    say("study", "bend", *kinds)

    def figures(cells: list[Cell]) -> list[float]:
        return [trend(cells).kind == kind for kind in kinds]

    base = Study("6 scenes, 3 runs, r = 5", levels=GRADE, cap=5000)
    many = tuple(30.0 * 2**step for step in range(7))
    for kind in (
        base,
        replace(base, name="... runs differ by 0.2", deviation=0.2),
        replace(base, name="... r = 20", wanted=20),
        replace(base, name="... r = 100", wanted=100),
        replace(base, name="... 7 sizes, r = 20", wanted=20, sizes=many),
        replace(base, name="... capped at 100", cap=100),
        replace(base, name="one scene, 3 runs, r = 5", levels=(0.8,)),
        replace(base, name="one scene, one run, r = 5", levels=(0.8,), runs=1),
    ):
        for bend in (0.0, 0.5, 1.5, -0.5, -1.5):
            study = replace(kind, bend=bend)
            say(study.name, bend, *map(float, simulated(study, figures, studies)[:-1]))


def forecasts(studies: int) -> None:
    say("study", "true P", "mean forecast", "P in interval", "measured in interval", "mean |error|", "width", "no fit")

    def figures(cells: list[Cell]) -> list[float]:
        one = hold_out(cells)
        truth = float(np.exp(-np.exp(study.predictor(study.sizes[-1]))).mean())
        held = [one.rate, one.low <= truth <= one.high, one.met]
        return [*held, abs(one.error), one.measured_high - one.measured_low]

    for study in (*STUDIES, Study("6 scenes, 3 runs, bend = 1.5", levels=GRADE, bend=1.5)):
        truth = float(np.exp(-np.exp(study.predictor(study.sizes[-1]))).mean())
        say(study.name, truth, *map(float, simulated(study, figures, studies)))


def errors(studies: int) -> None:
    say("law", "floor fitted", "points", "mean b", "b in interval", "width", "share in interval", "error at 2 N")
    rng = np.random.default_rng(9)
    for exponent, share, floor in (
        (0.5, 0.0, False),
        (0.5, 0.0, True),
        (0.5, 0.3, True),
        (0.8, 0.6, True),
        (0.5, 0.3, False),
    ):
        for count in (4, 7):
            clips = np.repeat(10.0 * 2.0 ** np.arange(count), 3)
            # The share counts at the largest N; the forecast's truth lies at twice that.
            shape = (1 - share) * (clips / clips.max()) ** -exponent + share
            beyond = (1 - share) * 2**-exponent + share
            told = []
            for _ in range(studies):
                noisy = shape * np.exp(0.1 * rng.standard_normal(len(clips)))
                here = decay(clips, noisy, floor)
                there = decay(clips, noisy, floor, reference=2 * clips.max())
                held = [
                    low <= truth <= high
                    for (low, high), truth in (
                        (here.exponent_interval, exponent),
                        (here.share_interval, share),
                        (there.reached_interval, beyond),
                    )
                ]
                told.append([here.exponent, held[0], here.exponent_interval[1] - here.exponent_interval[0], *held[1:]])
            name = f"b = {exponent:g}, share = {share:g}"
            say(name, floor, f"{count} x 3", *map(float, np.mean(told, axis=0)))


if __name__ == "__main__":
    parts = {part.__name__: part for part in (estimates, means, laws, trends, forecasts, errors)}
    words = [word for word in sys.argv[1:] if not word.startswith("--studies=")]
    number = next((int(word.partition("=")[2]) for word in sys.argv[1:] if word.startswith("--studies=")), 400)
    for word in words or parts:
        print(f"\n{word}\n")
        parts[word](number)
