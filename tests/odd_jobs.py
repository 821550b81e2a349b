"""Work for the engines' exam; imports little, because every worker imports it."""

from __future__ import annotations

import os
import time


def square(number: int) -> int:
    return number * number


def fail(text: str) -> None:
    raise ValueError(text)


def answer_with_code() -> object:
    return lambda: 0


def extend(numbers: list[int]) -> list[int]:
    numbers.append(1)
    return numbers


def compute(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def told(variable: str, seconds: float = 0.0) -> str:
    time.sleep(seconds)
    return os.environ[variable]


_PREPARED: list[int] = []


def prepare() -> None:
    _PREPARED.append(os.getpid())


def remember(kept: list[int], number: int) -> tuple[int, int]:
    """How long the list has grown in this process, and how often that was prepared."""
    kept.append(number)
    time.sleep(0.05)
    return len(kept), len(_PREPARED)


def note(path: str) -> int:
    """How often this was done before."""
    with open(path, "a+") as file:
        file.seek(0)
        before = len(file.readlines())
        file.write(f"{os.getpid()}\n")
    return before


def fail_noting(path: str) -> None:
    note(path)
    raise ValueError("always")


def crash(path: str, times: int) -> str:
    if note(path) < times:
        os._exit(7)
    return "survived"


def hang(path: str) -> None:
    note(path)
    time.sleep(600)
