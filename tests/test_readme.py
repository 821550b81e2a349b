"""What the README quotes is what the repository holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_settings_is_up_to_date() -> None:
    made = script("docs/make_settings.py").page()
    assert made == (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), "run python docs/make_settings.py"


def test_the_table_of_laws_is_that_of_the_shipped_record() -> None:
    laws_table = script("assets/laws_table.py")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert laws_table.filled(readme) == readme
