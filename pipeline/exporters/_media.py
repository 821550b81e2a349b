"""One media folder, many layouts: videos are hard links to files that exist, or relative paths to them."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from pipeline._files import sha256
from pipeline.types import Attempt, Example

_UNLINKABLE = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
"""Why a file system takes no further link: another disk, too many, or it knows none."""


def put(shown: Example | Attempt, path: Path) -> str:
    """Let the video lie at `path`, whose folder is made, and return its SHA-256: a hard link to the file it has, a copy
    where links fail, or else the frames are encoded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if shown.video is None:
        from pipeline.video import write_preview

        write_preview(path, shown.clip.frames, shown.clip.fps)
    else:
        _link(shown.video, path)
    return sha256(path)


def _link(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError as error:
        if error.errno not in _UNLINKABLE:
            raise
        shutil.copyfile(source, path)


def content(example: Example) -> bytes:
    """The video's bytes."""
    if example.video is not None:
        return example.video.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        put(example, Path(folder) / "clip.mp4")
        return (Path(folder) / "clip.mp4").read_bytes()


def reach(example: Example, folder: Path) -> str:
    """Path of the video relative to `folder`, with slashes; one that is no file yet is put into videos/ there."""
    if example.video is None:
        name = f"videos/{example.clip.clip_id}.mp4"
        put(example, folder / name)
        return name
    return Path(os.path.relpath(example.video, folder)).as_posix()
