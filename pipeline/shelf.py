"""Finding what stands on a shelf: one file, one plug-in, named after the file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TypeVar

Contract = TypeVar("Contract")


def names(shelf: ModuleType) -> list[str]:
    """Names of the plug-ins on a shelf, in alphabetical order; files that start with `_` are helpers."""
    return sorted(module.name for module in pkgutil.iter_modules(shelf.__path__) if not module.name.startswith("_"))


def find(shelf: ModuleType, contract: type[Contract], name: str) -> type[Contract]:
    """The plug-in class that the file `name` on the shelf defines.

    Raises ValueError if there is no such file, or it does not define exactly one public subclass of the contract.
    """
    known = names(shelf)
    if name not in known:
        raise ValueError(f"{shelf.__name__}: there is no '{name}', choose one of {', '.join(known)}")
    try:
        module = importlib.import_module(f"{shelf.__name__}.{name}")
    except ImportError as error:
        raise ValueError(f"{shelf.__name__}.{name} cannot be imported: {error}") from error
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, contract) and member.__module__ == module.__name__ and not member.__name__.startswith("_")
    ]
    if len(found) != 1:
        listed = ", ".join(member.__name__ for member in found) or "none"
        raise ValueError(f"{module.__name__}: expected exactly one public {contract.__name__} class, got {listed}")
    return found[0]


def everything(shelf: ModuleType, contract: type[Contract]) -> dict[str, type[Contract]]:
    """All plug-ins on a shelf: name -> class."""
    return {name: find(shelf, contract, name) for name in names(shelf)}


def name(plugin: object) -> str:
    """The word on the command line for a plug-in: the name of its file."""
    return type(plugin).__module__.rsplit(".", 1)[-1]
