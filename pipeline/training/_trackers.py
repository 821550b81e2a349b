"""Optional boards that show how a training goes; log.jsonl holds the same without any."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Track = Callable[[int, Mapping[str, float]], None]
"""Takes a step and what was measured at it."""


def tracker(kind: str, folder: Path, title: str, settings: Mapping[str, Any]) -> Track:
    """What shows numbers on the board `kind`: tensorboard, wandb, mlflow; '' shows none.

    Raises ValueError if its package is not installed.
    """
    if not kind:
        return lambda step, values: None
    module = {"tensorboard": "torch.utils.tensorboard"}.get(kind, kind)
    try:
        board = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"training.tracker={kind} needs a package that is not installed: pip install {kind}"
        ) from error
    return BOARDS[kind](board, folder, title, dict(settings))


def _tensorboard(board: Any, folder: Path, title: str, settings: dict[str, Any]) -> Track:
    writer = board.SummaryWriter(str(folder / "tensorboard"))

    def track(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return track


def _wandb(board: Any, folder: Path, title: str, settings: dict[str, Any]) -> Track:
    run = board.init(project="quicksand", name=title, id=title, resume="allow", dir=str(folder), config=settings)
    return lambda step, values: run.log(dict(values), step=step)


def _mlflow(board: Any, folder: Path, title: str, settings: dict[str, Any]) -> Track:
    board.set_experiment("quicksand")
    board.start_run(run_name=title)
    board.log_params(settings)
    return lambda step, values: board.log_metrics(dict(values), step=step)


BOARDS = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
