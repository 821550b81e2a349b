"""Writes the README's table of laws from assets/validation.json, between its two markers.

python assets/laws_table.py        after a new record has been put into assets/validation.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline import laws, shelf
from pipeline.laws import KINDS, Law

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- laws -->", "<!-- /laws -->"


def table(rows: list[dict[str, Any]]) -> str:
    """One line a law: about what, which media, how many measurements are within tolerance, and which are not."""
    shelved = shelf.everything(laws, Law)
    judged: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        judged.setdefault(row["law"], []).extend([row] if row["tolerance"] is not None else [])
    passed = sum(row["passed"] for some in judged.values() for row in some)
    lines = [
        "The full pass of the shipped solvers ([assets/validation.json](assets/validation.json)): "
        f"{passed} of {sum(map(len, judged.values()))}",
        "measurements are within their tolerance. What misses it is named.",
        "",
        "| about | law | media | within tolerance | what misses it |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(judged, key=lambda name: (KINDS.index(shelved[name].kind), name)):
        media = sorted({row["medium"].replace("_", " ") for row in rows if row["law"] == name} - {"none"})
        within = f"{sum(row['passed'] for row in judged[name])} of {len(judged[name])}"
        missed = "; ".join(_miss(row) for row in judged[name] if not row["passed"])
        lines.append(f"| {shelved[name].kind} | {name.replace('_', ' ')} | {', '.join(media)} | {within} | {missed} |")
    return "\n".join([BEGIN, *lines, END])


def _miss(row: dict[str, Any]) -> str:
    case, quantity = row["case"], row["quantity"].split(" / ")[0].split(" (")[0]
    if "cells" in case.split(", ")[-1]:
        case = case.rsplit(", ", 1)[0]
    return f"{case}: {quantity} {row['measured']:.3g} for {row['expected']:.3g} ± {row['tolerance']:.2g}"


def filled(readme: str) -> str:
    """The README with the table of the shipped record."""
    before, rest = readme.split(BEGIN)
    record = json.loads((ROOT / "assets" / "validation.json").read_text(encoding="utf-8"))
    return before + table(record) + rest.split(END)[1]


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
