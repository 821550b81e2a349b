"""What a study found, in sentences with numbers and intervals; that nothing can be told is said, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.report import amount
from pipeline.stages._grid import BASE, Study

PATH = "object_path_error"
"""The error that sentences are about; tables have the others."""
Row = dict[str, Any]


def sentences(
    study: Study,
    table: Sequence[Row],
    curves: Sequence[Row],
    changes: Sequence[Row],
    against: Sequence[Row],
    report: Sequence[Row],
    passing: Sequence[Row],
) -> list[Row]:
    """What they are `about`, and the `sentences`, in the order of their telling; what has none is left out."""
    largest = max(study.sizes)
    most = [one for one in changes if one["size"] == largest and one["measure"] == PATH]
    falls = [one for one in curves if one["measure"] == PATH]
    pairs = [(test, model) for test in study.tests for model in study.variants]
    told = {
        f"Path error after {largest} clips": [
            said
            for pair in pairs
            if (said := _changed(study, table, _of(most, pair)) if changes else _beside(study, table, _of(falls, pair)))
        ],
        "How the clips were chosen, at equal numbers": _compared(study, against),
        "How the path error falls with the number of clips": [
            said for pair in pairs if (said := _falling(study, _of(falls, pair)))
        ],
        "How large the network is": [said for test in study.tests if (said := _models(study, table, test))],
        "What passes": [
            said for grade in dict.fromkeys(row["grade"] for row in report) if (said := _graded(study, grade, report))
        ],
        "How pass rates grow": _growing(study, passing),
        "The largest size foretold from the smaller ones": _foretold(study, passing),
    }
    return [{"about": about, "sentences": some} for about, some in told.items() if some]


def _of(some: Sequence[Row], pair: tuple[str, str]) -> list[Row]:
    return [one for one in some if (one["test"], one["model"]) == pair]


def _changed(study: Study, table: Sequence[Row], some: Sequence[Row]) -> str:
    """All arms on one test, against the base."""
    if not some:
        return ""
    here = [row for row in table if (row["test"], row["model"]) == (some[0]["test"], some[0]["model"])]
    told = []
    for one in some:
        mine = [row for row in here if (row["kind"], row["arm"], row["size"]) == ("cell", one["arm"], one["size"])]
        told.append(f"{one['arm']} {_percent(one)}{_unless(one, ', no change can be told')}, lost {_lost(mine)}")
    before = _lost([row for row in here if row["kind"] == BASE])
    return (
        f"{_spoken(study, some[0])}: the base is {some[0]['before']:.3f} off, bodies lost {before}; {'; '.join(told)}."
    )


def _beside(study: Study, table: Sequence[Row], some: Sequence[Row]) -> str:
    """All arms on one test, beside the better baseline, where there is no base."""
    here = [row for row in table if some and row["test"] == some[0]["test"]]
    simple = [row for row in here if row["kind"] == "baseline" and row[PATH] is not None]
    if not simple:
        return ""
    best, largest = min(simple, key=lambda row: float(row[PATH])), max(study.sizes)
    told = []
    for one in some:
        mine = [row for row in here if (row["arm"], row["model"], row["size"]) == (one["arm"], one["model"], largest)]
        told.append(f"{one['arm']} {_plus_minus(one['points'][-1])}, lost {_lost(mine)}")
    beside = f"the better baseline, {best['arm']}, {best[PATH]:.3f}, lost {_lost([best])}"
    return f"{_spoken(study, some[0])}: {'; '.join(told)}; {beside}."


def _lost(some: Iterable[Row]) -> str:
    """In how many frames: a body that melts where it is loses little of its path, but is lost."""
    known = [row["object_lost"] for row in some if row["object_lost"] is not None]
    return f"in {100 * float(np.mean(known)):.0f} % of the frames" if known else "unknown"


def _compared(study: Study, against: Sequence[Row]) -> list[str]:
    """The first arm against every other one, over all tests."""
    told: dict[tuple[str, str], list[str]] = {}
    for one in against:
        said = f"{_spoken(study, one)} {_percent(one)}{_unless(one, ', no difference can be told')}"
        told.setdefault((one["arm"], one["other"]), []).append(said)
    return [f"{arm} against {other}: {'; '.join(some)}." for (arm, other), some in told.items()]


def _falling(study: Study, some: Sequence[Row]) -> str:
    """The power laws of all arms on one test."""
    told = []
    for one in some:
        law = one["law"]
        if isinstance(law, str):
            told.append(f"{one['arm']} has no fit ({law.removeprefix('decay: ')})")
            continue
        low, high = law["exponent_interval"]
        verdict = "" if low > 0 else ", more clips are not seen to help" if high > 0 else ", more clips make it worse"
        told.append(f"{one['arm']} b = {law['exponent']:.2f} ({low:.2f} to {high:.2f}){verdict}")
    return f"{_spoken(study, some[0])}, as N^-b: {'; '.join(told)}." if told else ""


def _models(study: Study, table: Sequence[Row], test: str) -> str:
    """Path errors of the models at the largest number of clips, first arm."""
    arm, largest, told = next(iter(study.arms)), max(study.sizes), []
    for model in study.variants if len(study.variants) > 1 else ():
        values = [
            row[PATH]
            for row in table
            if (row["test"], row["arm"], row["size"], row["model"]) == (test, arm, largest, model) and row[PATH]
        ]
        if values:
            error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
            told.append(f"{model} {_plus_minus({'mean': float(np.mean(values)), 'standard_error': error})}")
    return f"{test}, {arm}, {largest} clips: {', '.join(told)}." if told else ""


def _graded(study: Study, grade: str, report: Sequence[Row]) -> str:
    """Pass rates of one grade at the middle level."""
    level = list(study.levels)[len(study.levels) // 2]
    told = [
        f"{_named(study, row)} {_share(rate)}"
        for row in report
        if row["grade"] == grade and (rate := row[f"pass_{level}"])
    ]
    return f"{grade}, {level}: {', '.join(told)}." if told else ""


def _growing(study: Study, passing: Sequence[Row]) -> list[str]:
    """How fast rates grow where that can be told; how often it cannot."""
    told = [_grown(study, one) for one in passing if not isinstance(one["law"], str)]
    lawless = len(passing) - len(told)
    return told + [f"{lawless} of {len(passing)} have no law: the table says why."] * bool(lawless)


def _grown(study: Study, one: Row) -> str:
    """Rates at the smallest and the largest size, how fast they grow, and whether they bend."""
    first, last = one["rates"][0], one["rates"][-1]
    low, high = one["law"]["alpha_interval"]
    grows = f"alpha = {one['law']['alpha']:.2f} ({low:.2f} to {high:.2f}), {one['trend']['kind']}"
    unit = one["over"]
    return (
        f"{_sampled(study, one)}: {_share(first)} with {amount(first['size'])} {unit}, {_share(last)} with "
        f"{amount(last['size'])}; {grows}."
    )


def _foretold(study: Study, passing: Sequence[Row]) -> list[str]:
    """Every forecast beside what was measured, and how many were met."""
    told = [one for one in passing if not isinstance(one["forecast"], str)]
    said = []
    for one in told:
        found = one["forecast"]
        between = f"{100 * found['measured_low']:.0f} to {100 * found['measured_high']:.0f}"
        verdict = "met" if found["met"] else "missed"
        said.append(
            f"{_sampled(study, one)}, {amount(found['size'])} {one['over']}: foretold {100 * found['rate']:.0f} % "
            f"(measured within {between} %), measured {100 * found['measured']:.0f} %: {verdict}."
        )
    met = sum(one["forecast"]["met"] for one in told)
    return [f"{met} of {len(told)} forecasts were met; 95 % should be.", *said] if told else []


def _sampled(study: Study, one: Row) -> str:
    model = f", {one['model']}" if one["model"] and len(study.variants) > 1 else ""
    return f"{one['grade']}, {one['arm']}{model}, {one['level']}"


def _share(rate: Row) -> str:
    return f"{100 * rate['mean']:.0f} ({100 * rate['low']:.0f} to {100 * rate['high']:.0f}) %"


def _named(study: Study, row: Row) -> str:
    if row["kind"] == "redraws":
        return "the truth drawn again"
    return f"{row['arm']} ({row['model']})" if row["model"] and len(study.variants) > 1 else str(row["arm"])


def _unless(one: Row, words: str) -> str:
    """The words, unless the interval leaves out 0."""
    return words if one["low"] is None or one["low"] <= 0 <= one["high"] else ""


def _percent(one: Row) -> str:
    if one["low"] is None:
        return f"{100 * one['change']:+.0f} % (one run: no interval)"
    return f"{100 * one['change']:+.0f} % ({100 * one['low']:+.0f} to {100 * one['high']:+.0f} %)"


def _plus_minus(point: Row) -> str:
    error = point["standard_error"]
    return f"{point['mean']:.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _spoken(study: Study, one: Row) -> str:
    return f"{one['test']} ({one['model']})" if len(study.variants) > 1 else str(one["test"])
