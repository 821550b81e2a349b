"""What the README quotes is what the repository holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_of_laws_is_that_of_the_shipped_record() -> None:
    spec = importlib.util.spec_from_file_location("laws_table", ROOT / "assets" / "laws_table.py")
    assert spec is not None
    assert spec.loader is not None
    laws_table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(laws_table)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert laws_table.filled(readme) == readme
