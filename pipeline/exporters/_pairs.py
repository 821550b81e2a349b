"""What the layouts of pairs have in common: the truth and what a model made of the same prompt, side by side."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline._files import sha256
from pipeline.exporters import About
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import put
from pipeline.types import Attempt, Example, Judgement

LEFT_OUT = "left_out.jsonl"


def export_pairs(
    about: About,
    examples: Iterable[Example],
    folder: Path,
    contents: str,
    columns: tuple[str, str],
    refuse: Callable[[Judgement], str] = lambda _: "",
) -> None:
    """Write a VideoFolder with a row for every pair that matches and that `refuse` has no reason against.

    `columns` are those of the truth and of the model's clip, without the `_file_name` that `datasets` cuts off. What
    was left out stands in left_out.jsonl, with the reason. Raises ValueError if no pair is left, or if an example is
    one that a trainer could not use.
    """
    ledger, left = Ledger(about, folder, "{split}/metadata.jsonl"), Counter[str]()
    pairs = 0
    for example in ledger.each(examples):
        good: list[tuple[Attempt, Judgement]] = []
        for attempt in example.attempts:
            judgement = attempt.judgement
            reason = _mismatch(example, attempt) or (refuse(judgement) if judgement else "not judged: run stage=score")
            if judgement is None or reason:
                left[reason] += 1
                _note(folder / LEFT_OUT, attempt, reason)
            else:
                good.append((attempt, judgement))
        for attempt, judgement in good:
            ledger.write(example, **_entry(example, attempt, judgement, folder, columns))
        pairs += len(good)
        if not good:
            ledger.leave_out()
    reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(left.items())) or "none"
    where = f" (`{LEFT_OUT}`)" if left else ""
    if not pairs:
        raise ValueError(
            f"Dataset {about.name}: no pair to export, left out: {reasons}; run stage=generate and stage=score first"
        )
    ledger.close(f"{contents}\n\n{pairs} pairs. Left out: {reasons}{where}.", "{split}/**")


def _mismatch(example: Example, attempt: Attempt) -> str:
    """Why the two do not show the same size, length and rate; empty if they do."""
    truth, made = example.clip, attempt.clip
    if made.frames.shape != truth.frames.shape or made.fps != truth.fps:
        return "of another size, length or rate than the truth"
    return ""


def _entry(
    example: Example, attempt: Attempt, judgement: Judgement, folder: Path, columns: tuple[str, str]
) -> dict[str, Any]:
    """Put both videos there, and what a row says of them beyond the truth's facts."""
    clip, split = attempt.clip, folder / example.split
    if not re.fullmatch(r"\w[\w.+-]*", clip.source) or clip.source == "truth":
        raise ValueError(f"Clip {clip.clip_id}/{clip.source}: a model's name must be a plain one, and not 'truth'")
    truth, made = f"truth/{example.clip.clip_id}.mp4", f"{clip.source}/{example.clip.clip_id}__s{clip.sample}.mp4"
    hashes = [_once(example, split / truth), put(attempt, split / made)]
    return {
        # Not plain `file_name` for the column `video`: `datasets` 5.2 gives it to whichever Video column comes first.
        **{f"{one}_file_name": path for one, path in zip(columns, (truth, made), strict=True)},
        **{f"{one}_sha256": digest for one, digest in zip(columns, hashes, strict=True)},
        "prompt": example.captions[0],
        "prompt_frames": attempt.prompt_frames,
        "model": clip.source,
        "sample": clip.sample,
        "plausibility": float(judgement.plausibility),
        "gate": judgement.gate,
    }


def _once(example: Example, path: Path) -> str:
    """The truth lies there once for all its pairs."""
    return sha256(path) if path.exists() else put(example, path)


def _note(path: Path, attempt: Attempt, reason: str) -> None:
    clip = attempt.clip
    line = {"clip_id": clip.clip_id, "model": clip.source, "sample": clip.sample, "reason": reason}
    with open(path, "a", encoding="utf-8") as table:
        table.write(json.dumps(line, ensure_ascii=False) + "\n")
