"""Weights of hub models: where they lie, loading them, and what to do where they cannot be had."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline import _torchvision

INDEX = "model_index.json"
EXTRA = "model=diffusers needs the extra 'hub', which is not installed: pip install -e '.[hub]'"


def diffusers() -> Any:
    """The package. Raises ValueError if it or one of its companions is not installed."""
    _torchvision.load()  # transformers imports it, and its wheel may not fit the torch beside it
    try:
        import accelerate  # noqa: F401
        import diffusers
        import transformers  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(f"{EXTRA} ({error})") from error
    return diffusers


@lru_cache(maxsize=8)
def file_of(model: str, name: str, revision: str = "") -> Path:
    """A small file of a model: in its folder, else from the hub or the hub's cache.

    Raises FileNotFoundError that says why it cannot be had and what to do.
    """
    if Path(model).is_dir():
        if not (Path(model) / name).is_file():
            raise FileNotFoundError(f"model=diffusers: expected a diffusers model in {model}, it has no {name}")
        return Path(model) / name
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError as error:
        raise ValueError(f"{EXTRA} ({error})") from error
    with explained(model):
        return Path(hf_hub_download(model, name, revision=revision or None))


@contextmanager
def explained(model: str) -> Iterator[None]:
    """Turn the hub's many errors into one sentence: what failed for `model`, and what to do."""
    from huggingface_hub import errors

    who = f"model=diffusers: the weights of '{model}' cannot be had"
    if Path(model).is_dir():
        try:
            yield
        except OSError as error:
            raise FileNotFoundError(f"{who}: the folder is not complete ({error}); download it again") from error
        return
    try:
        yield
    except errors.GatedRepoError as error:
        raise FileNotFoundError(f"{who}: accept its licence on its hub page, then `hf auth login`") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise FileNotFoundError(
            f"{who}: neither a folder here nor a model on the hub (misspelt, or private: `hf auth login`)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{who}: the hub knows the model but not this model.revision") from error
    except errors.RemoteEntryNotFoundError as error:
        raise FileNotFoundError(
            f"{who}: it is on the hub, but not as a diffusers pipeline (no {INDEX}); look for its '-Diffusers' twin"
        ) from error
    except (OSError, errors.LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"{who}: the hub cannot be reached and they are not in its cache; where there is a network, run "
            f"`hf download {model} --local-dir FOLDER`, bring the folder here and set model.id=FOLDER"
        ) from error


def configuration(model: str, part: str, revision: str = "") -> dict[str, Any]:
    """What config.json says of a part of the model (transformer, unet, vae), or of the whole ('')."""
    name = f"{part}/config.json" if part else INDEX
    read: dict[str, Any] = json.loads(file_of(model, name, revision).read_text())
    return read


def signature(model: str, revision: str = "") -> str:
    """Stands for the model's weights: of a folder the names, sizes and times of its files, else the hub's commit."""
    index = file_of(model, INDEX, revision)
    if not Path(model).is_dir():
        return index.parent.name  # .../snapshots/<commit>/model_index.json
    files = sorted(path for path in Path(model).rglob("*") if path.is_file())
    listed = [f"{path.relative_to(model)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def load(model: str, revision: str, pipeline: str, dtype: str, offload: str, device: str, adapter: str) -> Any:
    """The pipeline with all its weights, ready to be called."""
    import torch

    package = diffusers()
    package.utils.logging.disable_progress_bar()
    with explained(model), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch_dtype is dtype from diffusers 0.42 on
        loaded = getattr(package, pipeline).from_pretrained(
            model, revision=revision or None, torch_dtype=getattr(torch, dtype)
        )
    loaded.set_progress_bar_config(disable=True)
    if adapter:
        adapt(loaded, Path(adapter))
    if offload == "none":
        return loaded.to(device)
    getattr(loaded, f"enable_{offload}_cpu_offload")(device=device)
    return loaded


kept = lru_cache(maxsize=1)(load)
"""The same; the last one is kept as long as the process lives, for loading may take minutes."""


def adapter_file(adapter: str) -> Path:
    """The file of a LoRA, given as a file or as its folder. Raises FileNotFoundError if it is not there."""
    path = Path(adapter)
    names = ("weights.safetensors", "pytorch_lora_weights.safetensors")
    candidates = [path / name for name in names] if path.is_dir() else [path]
    found = [file for file in candidates if file.is_file()]
    if not found:
        raise FileNotFoundError(f"model=diffusers: lora: expected a file, or a folder with {names[0]}, got {adapter}")
    return found[0]


def adapt(loaded: Any, file: Path) -> None:
    """Add a LoRA to a pipeline; what is named transformer_2.* goes to the second expert of Wan 2.2."""
    from safetensors.torch import load_file

    tensors = load_file(file)
    second = {name: value for name, value in tensors.items() if name.startswith("transformer_2.")}
    first = {name: value for name, value in tensors.items() if name not in second}
    if first:
        loaded.load_lora_weights(first)
    if second:
        renamed = {name.replace("transformer_2.", "transformer.", 1): value for name, value in second.items()}
        loaded.load_lora_weights(renamed, load_into_transformer_2=True)
