"""Who computes a step: this process in plain torch, or what accelerate brings: mixed precision, several GPUs."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PRECISIONS = ("no", "bf16", "fp16")


class Plain:
    """One process, full precision, nothing but torch."""

    rank = 0
    """Which of several processes this is."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Where the loss is computed."""
        return nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        """Add the loss's gradient."""
        import torch

        torch.autograd.backward(loss)

    def step(self, optimiser: torch.optim.Optimizer, longest: float) -> None:
        """One step along the gradient, which is shortened to `longest`."""
        import torch

        torch.nn.utils.clip_grad_norm_(learning(optimiser), longest)
        optimiser.step()

    def finish(self) -> None:
        """Wait until all processes are done: one that leaves early cuts the others off."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep of it."""
        return {}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a kept state."""


class Accelerated(Plain):
    """The same through accelerate. Gradients are averaged over the processes of `accelerate launch`."""

    def __init__(self, precision: str, device: str) -> None:
        try:
            from accelerate import Accelerator
            from accelerate.state import AcceleratorState
        except ModuleNotFoundError as error:
            raise ValueError(
                f"training: precision={precision} and several processes need the extra 'hub', which is not installed: "
                f"pip install -e '.[hub]' ({error})"
            ) from error
        AcceleratorState._reset_state()  # it remembers the precision of an earlier training in this process
        self.accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")  # and takes a GPU of its own
        self.rank = self.accelerator.process_index

    def autocast(self) -> AbstractContextManager[Any]:
        """Where the loss is computed."""
        inside: AbstractContextManager[Any] = self.accelerator.autocast()
        return inside

    def backward(self, loss: torch.Tensor) -> None:
        """Add the loss's gradient, scaled up in half precision so that small ones survive."""
        self.accelerator.backward(loss)

    def step(self, optimiser: torch.optim.Optimizer, longest: float) -> None:
        """One step along the mean gradient of all processes; left out where half precision overflowed."""
        import torch

        for parameter in learning(optimiser):
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, "mean")
        scaler = self.accelerator.scaler
        if scaler is None:
            super().step(optimiser, longest)
            return
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(learning(optimiser), longest)
        scaler.step(optimiser)
        scaler.update()

    def finish(self) -> None:
        """Wait until all processes are done."""
        self.accelerator.wait_for_everyone()

    def state(self) -> dict[str, Any]:
        """How far gradients are scaled up."""
        return dict(self.accelerator.scaler.state_dict()) if self.accelerator.scaler else {}

    def resume(self, state: dict[str, Any]) -> None:
        """Scale as before."""
        if state and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state)


def learning(optimiser: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    """What it moves."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def hands(precision: str, device: str) -> Plain:
    """Plain torch where that is enough. Raises ValueError where accelerate is needed and is not installed."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return Accelerated(precision, device) if several or precision != "no" else Plain()


def helps() -> bool:
    """Whether this process only computes: under `accelerate launch` the first one alone writes and reports."""
    return int(os.environ.get("RANK", "0")) > 0
