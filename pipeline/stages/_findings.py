"""What was found about a law, as a file and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline import store
from pipeline.types import Finding

VALIDATION = "validation.json"
FINDING, CURVES = "finding.json", "curves.npz"


@dataclass(frozen=True)
class Found:
    """A finding and where it comes from."""

    law: str
    kind: str
    solver: str
    finding: Finding
    cpu_seconds: float


def write_finding(folder: Path, finding: Finding, cpu_seconds: float) -> None:
    """Numbers as JSON, curves as arrays beside it."""
    arrays: dict[str, NDArray[Any]] = {}
    told = store.encode(finding, arrays)
    store.write_json(folder / FINDING, {"finding": told, "cpu_seconds": cpu_seconds})
    store.write_arrays(folder / CURVES, arrays)


def read_finding(folder: Path) -> tuple[Finding, float]:
    """The finding that `write_finding` wrote, and the CPU seconds it took [s]."""
    entry = store.read_json(folder / FINDING)
    return store.decode(Finding, entry["finding"], store.read_arrays(folder / CURVES)), float(entry["cpu_seconds"])


def standing(rows: Sequence[Mapping[str, Any]], material: str, version: str) -> str:
    """How solvers of code `version` stand before the laws of a material and of bodies, by rows of validation.json."""
    judged = [row for row in rows if row["medium"] in (material, "none") and row["tolerance"] is not None]
    if not judged:
        return "not validated"
    passed = sum(row["passed"] for row in judged)
    laws = len({row["law"] for row in judged})
    kept = f"{passed} of {len(judged)} measurements of {laws} laws within tolerance"
    coarse = ", quick pass" if any(row["quick"] for row in judged) else ""
    older = ", by another version of the solvers" if any(row["code"] != version for row in judged) else ""
    return kept + coarse + older
