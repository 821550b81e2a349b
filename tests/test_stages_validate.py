"""The laws through the front door: rows, page, exit status, resumption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.app import compose
from pipeline.laws import Law
from pipeline.simulators import Simulator
from pipeline.stages._walk import walk
from pipeline.types import Finding, Measurement, Plot

COLUMNS = {
    "law", "solver", "medium", "case", "quantity", "expected", "measured", "tolerance", "unit", "passed", "source",
    "cpu_seconds", "quick", "code",
}  # fmt: skip


class Missed(Law):
    """Finds what it must not."""

    kind = "bodies"

    @property
    def cases(self) -> tuple[str, ...]:
        return ("one / two", "broken")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        if case == "broken":
            raise ValueError("the apparatus broke")
        line = (np.arange(3.0), np.array([1.0, np.nan, 3.0]))
        rows = (
            Measurement(case, "height", 1.0, 1.2, 0.1, "m", "nobody"),
            Measurement(case, "told only", 0.0, 9.0, float("inf"), "1", "nobody"),
        )
        return Finding(rows, (Plot("Heights <of> things", "t", "h", {"a/b": line}, {"published": line}),))


def examined(tmp_path: Path, laws: dict[str, Law]) -> tuple[int, list[dict[str, object]], str]:
    run = compose([f"outputs={tmp_path}", "run=laws", "stage=validate", "engine=serial", "quick=true"])
    run.laws = laws
    status = walk(run, "")
    folder = tmp_path / "laws"
    return status, json.loads((folder / "validation.json").read_text()), (folder / "validation.html").read_text()


def test_laws_are_chosen_on_the_command_line() -> None:
    assert list(compose(["stage=validate", "laws=[free_fall]"]).laws) == ["free_fall"]
    assert len(compose(["stage=validate"]).laws) > 1


def test_rows_and_page_tell_what_was_measured(command, tmp_path: Path) -> None:
    done = command("stage=validate", "laws=[free_fall]", f"outputs={tmp_path}", "run=laws", "engine=serial")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "laws" / "validation.json").read_text())
    assert [set(row) for row in rows] == [COLUMNS]
    assert rows[0]["law"] == "free_fall"
    assert rows[0]["passed"] is True
    page = (tmp_path / "laws" / "validation.html").read_text()
    assert "Galilei" in page
    assert "<svg" in page
    again = command("stage=validate", "laws=[free_fall]", f"outputs={tmp_path}", "run=laws", "engine=serial")
    assert "1 done (0 now)" in again.stderr


def test_what_misses_its_tolerance_or_breaks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stages.validate.code", lambda *rooms: "")
    status, rows, page = examined(tmp_path, {"missed": Missed()})
    said = capsys.readouterr().err
    assert status == 1
    assert "the apparatus broke" in said
    assert "height: expected 1 +- 0.1 m, measured 1.2" in said
    assert [row["passed"] for row in rows] == [False, True]
    assert rows[1]["tolerance"] is None
    assert "0<span" in page  # of 1 judged
    assert "QUICK PASS" in page
    assert "Heights &lt;of&gt; things" in page
    assert "the apparatus broke" in page


def test_without_a_law_there_is_nothing_to_examine(command, tmp_path: Path) -> None:
    done = command("stage=validate", "laws=[]", f"outputs={tmp_path}")
    assert done.returncode == 2
    assert "free_fall" in done.stderr
