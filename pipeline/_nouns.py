"""Nouns to JSON and arrays and back, exactly: whatever pipeline.types declares, its type hints tell how to read it."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Noun = TypeVar("Noun")


def encode(noun: Any, arrays: Arrays, path: str = "") -> Any:
    """The noun as JSON; its arrays go into `arrays` and leave their names, e.g. 'bodies.0.mesh.vertices'.

    Floats keep every bit; NaN and the infinities become the texts that `float` reads.
    Raises TypeError for what no noun is made of.
    """
    match noun:
        case np.ndarray():
            arrays[path] = noun
            return path
        case np.generic():
            return encode(noun.item(), arrays, path)
        case None | bool() | int() | str():
            return noun
        case float():
            return float(noun) if math.isfinite(noun) else str(noun)
        case tuple() | list():
            return [encode(item, arrays, _below(path, str(index))) for index, item in enumerate(noun)]
        case Mapping():
            return {name: encode(item, arrays, _below(path, name)) for name, item in noun.items()}
    if dataclasses.is_dataclass(noun):
        names = [field.name for field in dataclasses.fields(noun)]
        return {name: encode(getattr(noun, name), arrays, _below(path, name)) for name in names}
    raise TypeError(f"{path or 'noun'}: expected numbers, texts, arrays, tuples or dataclasses, got {type(noun)}")


def decode(kind: type[Noun], data: Any, arrays: Arrays) -> Noun:
    """The noun of the given class that `encode` took apart.

    Raises KeyError, TypeError or ValueError if the data are of another class or shape.
    """
    noun: Noun = _decode(kind, data, arrays)
    return noun


def _decode(hint: Any, data: Any, arrays: Arrays) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = hints_of(hint)
        return hint(**{name: _decode(hints[name], value, arrays) for name, value in data.items()})
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _decode(inner[0], data, arrays)
    if origin is np.ndarray:
        return arrays[data]
    if origin is tuple:
        kinds = [inner[0]] * len(data) if inner[1:] == (...,) else inner
        return tuple(_decode(kind, item, arrays) for kind, item in zip(kinds, data, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _decode(inner[1], item, arrays) for name, item in data.items()}
    return hint(data)


def hints_of(kind: type[Any]) -> dict[str, Any]:
    """Type hints of a dataclass's fields, resolved."""
    return typing.get_type_hints(kind)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
