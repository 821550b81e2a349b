"""What engines' settings have in common: what is impossible is refused, what is not installed is named."""

from __future__ import annotations

import importlib
from types import ModuleType

from pipeline import shelf
from pipeline.engines import Engine


def check(engine: Engine, **least: int) -> None:
    """Raises ValueError if a setting is below its least value, or the time limit is not positive."""
    who = f"engine {shelf.name(engine)}"
    for name, bound in least.items():
        if getattr(engine, name) < bound:
            raise ValueError(f"{who}: {name} must be at least {bound}, got {getattr(engine, name)}")
    limit = getattr(engine, "time_limit", 1.0)
    if not limit > 0:
        raise ValueError(f"{who}: time_limit must be positive [s], got {limit}")


def package(name: str, extra: str) -> ModuleType:
    """An optional package. Raises ValueError that names the extra where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"engine {name}: expected the package {name}, got '{error}'; "
            f"pip install 'quicksand[{extra}]' (from a checkout: pip install -e '.[{extra}]'), or choose engine=local"
        ) from error
