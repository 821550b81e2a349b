"""Sequences whose items are made when they are asked for, so that a plan of any length takes no memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

Item = TypeVar("Item")


@dataclass(frozen=True)
class Lazy(Sequence[Item]):
    """Items that are made of their numbers, anew whenever they are asked for."""

    make: Callable[[int], Item]
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Lazy[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Lazy[Item]:
        numbers = self.numbers[index]
        return Lazy(self.make, numbers) if isinstance(numbers, range) else self.make(numbers)


@dataclass(frozen=True)
class Drawn(Collection[Item]):
    """So many items, drawn anew whenever they are gone through."""

    draw: Callable[[], Iterator[Item]]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Item]:
        return self.draw()

    def __contains__(self, item: object) -> bool:
        return any(item == one for one in self)
