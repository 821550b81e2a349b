"""torchvision beside any torch.

Its published wheel is built for CUDA. Beside a CPU build of torch its C++ library does not load, so the operators are
missing that its Python files annotate while they are imported, and the import dies with `operator torchvision::nms
does not exist`. Given the operators' signatures the import succeeds, and all that is written in Python works (RAFT,
flow_to_image, transforms.v2); only a call of the C++ operators themselves (nms, roi_align, ...) is still an error.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""The operators that are annotated at import, as torchvision/csrc/ops declares them."""
_kept: list[object] = []
"""Definitions last as long as the library object that made them."""


def load(module: str = "torchvision") -> ModuleType:
    """`torchvision` or one of its modules, e.g. load("torchvision.models.optical_flow").

    Raises ImportError if torchvision is not installed, RuntimeError if it does not fit the torch beside it in another
    way than the one that is mended here.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        _define_missing_operators()
    return importlib.import_module(module)


def _define_missing_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)  # type: ignore[no-untyped-call]
    _kept.append(library)
