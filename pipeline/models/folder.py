"""Clips that were made elsewhere, by any video model."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.models import Model
from pipeline.models._continuing import checked
from pipeline.models._resampling import SAME_RATE, resized, retimed
from pipeline.types import Clip, Prompt, UInt8

ENDINGS = ("mkv", "mp4", "webm", "mov", "avi", "m4v", "gif")
"""Looked for in this order, in capitals too."""
FINEST = 8
"""Frames that are kept for each one that is wanted, of a clip at a much higher rate."""


class Between(Enum):
    """What is shown between two frames of a clip at another rate."""

    LINEAR = "linear"
    """Both, cross-faded: moves evenly, shows ghosts."""
    NEAREST = "nearest"
    """The nearer one: stays sharp, stutters."""


@dataclass
class Folder(Model):
    """Reads `path/<clip_id>__s<sample>.mp4` (or .mkv, .webm, .mov, .avi, .m4v, .gif), the prompt's frames included.

    A single sample may also be called `<clip_id>.mp4`. A clip of another rate (even or variable), size or length is
    brought to the prompt's, and `Clip.notes` says so under `fps`, `size` and `length`; of a longer one, only what is
    shown in the time asked for is decoded. Its first frames are left as they are; `prompt` says how far they are from
    those that were given. Transparency is ignored.
    """

    made_elsewhere: ClassVar[bool] = True

    path: str = ""
    """Folder with the video files."""
    name: str = "folder"
    """What the model that made them is called in results; models with names of their own stand side by side."""
    between: Between = Between.LINEAR
    """How clips of another rate are resampled in time."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", self.name) or self.name == "truth":
            raise ValueError(
                f"model=folder: name must be a plain word of letters, digits, '_', '.' and '-', and not 'truth', "
                f"got '{self.name}'"
            )

    @property
    def called(self) -> str:
        """The `name`."""
        return self.name

    def generate(self, prompt: Prompt, seed: int, sample: int = 0) -> Clip:
        """The file's clip as the prompt asked for it; nothing is random.

        Raises FileNotFoundError if there is no file for this clip and sample, pipeline.video.VideoError (a
        ValueError) if it is damaged.
        """
        from pipeline import video

        checked(prompt, "folder")
        file = self._file(prompt.clip_id, sample)
        notes = {"file": file.name}

        def fit(image: UInt8) -> UInt8:
            frames, how = resized(image[None], *prompt.frames.shape[1:3])
            notes.update(how)
            return np.asarray(frames[0], np.uint8)

        lasts = prompt.num_frames / prompt.fps * (1 + SAME_RATE)
        made = video.read_beginning(file, lasts, 1 / (FINEST * prompt.fps), fit)
        frames, how = retimed(made, prompt.fps, prompt.num_frames, self.between is Between.LINEAR)
        notes |= {**how, **_difference(frames, prompt)}
        return Clip(prompt.clip_id, self.name, sample, frames, prompt.fps, notes=notes)

    def fingerprint(self) -> str:
        """Hash over names, sizes and times of change of the video files."""
        files = sorted(file for file in self._folder().iterdir() if _ending(file) in ENDINGS)
        listed = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()

    def _folder(self) -> Path:
        if not self.path:
            raise ValueError("model=folder: path is empty; set model.path to the folder with the video files")
        folder = Path(self.path)
        if not folder.is_dir():
            raise FileNotFoundError(f"model=folder: path {folder} is no folder; set model.path to one")
        return folder

    def _file(self, clip_id: str, sample: int) -> Path:
        folder = self._folder()
        stems = [f"{clip_id}__s{sample}", *([clip_id] if sample == 0 else [])]
        named = sorted(file for file in folder.iterdir() if file.stem in stems and file.is_file())
        videos = [file for file in named if _ending(file) in ENDINGS]
        if videos:
            return min(videos, key=lambda file: (stems.index(file.stem), ENDINGS.index(_ending(file))))
        held = f"; got {', '.join(file.name for file in named)}, which have none of these endings" if named else ""
        raise FileNotFoundError(
            f"model=folder: no clip for {clip_id}, sample {sample}; looked in {folder} for "
            + ", ".join(f"{stems[0]}.{ending}" for ending in ENDINGS) + held
        )  # fmt: skip


def _ending(file: Path) -> str:
    return file.suffix[1:].lower()


def _difference(frames: UInt8, prompt: Prompt) -> dict[str, str]:
    """How far the clip's first frames are from the prompt's, if they are not the same."""
    shown = prompt.frames[: len(frames)].astype(np.int16)
    mean = float(np.abs(frames[: len(shown)] - shown).mean())
    if mean == 0:
        return {}
    return {"prompt": f"first {len(shown)} frames differ from the prompt by {mean:.2f} of 255 on average"}
