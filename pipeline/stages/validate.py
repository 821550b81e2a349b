"""The simulator before the published laws: validation.json and a page with the curves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import laws, report, shelf, store
from pipeline.laws import Law
from pipeline.simulators import Simulator
from pipeline.stages import Run, Tally
from pipeline.stages._findings import VALIDATION, Found, read_finding, write_finding
from pipeline.stages._units import Unit, code, perform, solvers

ROOMS = ("materials", "simulators", "scenarios._shapes", "stages._findings")
"""A change in their code makes all measurements anew; a change in a law's own file, that law's."""


def validate(run: Run) -> Tally:
    """Examine every case of the run's laws; what broke and what missed its tolerance is counted and named.

    Raises ValueError if no law was chosen.
    """
    units = [(name, unit) for name, law in run.laws.items() for unit in _units(run, name, law)]
    if not units:
        raise ValueError(f"laws: expected at least one out of {', '.join(shelf.names(laws))}, got none")
    tally = perform(run, "validate", [unit for _, unit in units])
    found = [
        Found(name, run.laws[name].kind, shelf.name(run.simulator), *read_finding(unit.folder))
        for name, unit in units
        if unit.name in tally.done
    ]
    origin = {"quick": run.quick, "code": solvers()}
    rows = [{**row, **origin} for one in found for row in _rows(one)]
    store.write_json(run.folder / VALIDATION, rows)
    store.write_text(run.folder / "validation.html", _page(run, found, tally.failed))
    missed = {f"{row['law']}, {row['case']}, {row['quantity']}": _missed(row) for row in rows if not row["passed"]}
    return Tally("validate", tally.done, tally.made, {**tally.failed, **missed})


def _units(run: Run, name: str, law: Law) -> Iterator[Unit]:
    helpers = [f"laws.{path.stem}" for path in sorted(Path(laws.__file__).parent.glob("_*.py"))]
    version = code(f"laws.{name}", *helpers, *ROOMS)
    for case in law.cases:
        folder = run.folder / "laws" / name / re.sub(r"[^\w.-]+", "_", case)
        key = store.key("law", version, law, case, run.simulator)
        yield Unit(f"{name}/{folder.name}", folder, key, _make, (law, case, run.simulator))


def _make(folder: Path, key: str, law: Law, case: str, simulator: Simulator) -> None:
    started = time.process_time()
    finding = law.examine(case, simulator)
    with store.publish(folder, key, {}) as unfinished:
        write_finding(unfinished, finding, time.process_time() - started)


def _rows(found: Found) -> Iterator[dict[str, Any]]:
    """What validation.json says of one case; the CPU seconds are those of the whole case."""
    for one in found.finding.measurements:
        yield {
            "law": found.law,
            "solver": found.solver,
            "medium": one.medium,
            "case": one.case,
            "quantity": one.quantity,
            "expected": one.expected,
            "measured": one.measured,
            "tolerance": one.tolerance,
            "unit": one.unit,
            "passed": one.passed,
            "source": one.source,
            "cpu_seconds": round(found.cpu_seconds, 3),
        }


def _missed(row: dict[str, Any]) -> str:
    bound = f"expected {row['expected']:.4g} +- {row['tolerance']:.2g}"
    return f"{bound} {row['unit']}, measured {row['measured']:.4g}"


def _page(run: Run, found: list[Found], failed: dict[str, str]) -> str:
    sections = {
        name: report.LawSection(
            law=name,
            kind=law.kind,
            words=(type(law).__doc__ or "").strip(),
            measurements=tuple(one for each in found if each.law == name for one in each.finding.measurements),
            plots=tuple(one for each in found if each.law == name for one in each.finding.plots),
            cpu_seconds=sum(each.cpu_seconds for each in found if each.law == name),
        )
        for name, law in run.laws.items()
    }
    order = sorted(sections.values(), key=lambda one: laws.KINDS.index(one.kind))
    facts = {"simulator": shelf.name(run.simulator), "device": run.device, "run": run.run}
    return report.render_laws(report.LawPage(run.quick, facts, tuple(order), failed))
