"""Lists that are too long for memory: the same bytes as in one piece, and read back item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import _longjson, store

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ROWS = [{"clip_id": f"drop-sand-{number:05d}", "keys": ["0123456789abcdef" * 4] * 3} for number in range(20)]


def test_a_long_list_is_written_as_one_that_fits_into_memory(tmp_path: Path) -> None:
    rest: dict[str, Any] = {"made": {"seed": 3, "fps": 24.0}, "answers": ROWS[:2], "prompt_frames": 4}
    for entries in (rest, {}):
        store.write_long(tmp_path / "long.json", entries, "clips", iter(ROWS))
        store.write_json(tmp_path / "whole.json", {**entries, "clips": ROWS})
        assert (tmp_path / "long.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.lists(values, max_size=5), st.integers(1, 40))
def test_what_is_read_is_what_was_written(tmp_path: Path, entries, items, piece: int) -> None:
    path = tmp_path / "long.json"
    store.write_long(path, entries, "clips", items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_longjson, "_PIECE", piece)
        found = list(store.read_long(path, "clips"))
    assert [item for name, item in found if name == "clips"] == items
    assert dict(pair for pair in found if pair[0] != "clips") == {n: e for n, e in entries.items() if n != "clips"}
    assert store.read_json(path) == {**entries, "clips": items}


@pytest.mark.parametrize("text", ["", "{", '{"clips": [1, 2', '{"clips": [1 2]}', '{"made" 1}', "[1]", '{"made": tru}'])
def test_half_a_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "long.json"
    with pytest.raises(store.StoreError, match=r"long\.json: expected a JSON file, got no such file"):
        list(store.read_long(path, "clips"))
    path.write_text(text)
    with pytest.raises(store.StoreError, match=r"long\.json: expected a complete JSON object"):
        list(store.read_long(path, "clips"))
