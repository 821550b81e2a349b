"""People look at the run's clips and decide: a local web page until it is interrupted.

It holds no lock on the run: several may review, and other stages may work meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from pipeline import store
from pipeline.review.__main__ import Brief, become
from pipeline.review.decisions import FILE
from pipeline.review.queue import FlowFile, Shown, items
from pipeline.stages import Run
from pipeline.stages._layout import PLAN, Answer, answers, null_folder, opinions, score_folder, truths


def review(run: Run) -> NoReturn:
    """Serve the page from this process on, whose exit status is then the server's."""
    shown = items(*clips(run), run.review.show)
    become(Brief(run.run, shown, run.folder / FILE, run.seed, run.review, run.reviewer))


def clips(run: Run) -> tuple[list[Shown], list[Shown]]:
    """The run's complete truth clips, and the complete answers that the settings ask for."""
    judged = opinions(run)
    known = truths(run)
    captions: dict[str, str] = {}
    first = []
    for truth in known:
        entry = store.read_json(truth.folder / store.CLIP)
        captions[truth.clip_id] = entry["scene"]["captions"][0] if entry.get("scene") else ""
        folder = null_folder(run, truth.clip_id)
        flow = _flow(folder) if folder in judged else _exact(truth.folder, entry)
        first.append(_shown(truth.folder, entry, captions[truth.clip_id], None, flow))
    second = []
    for answer in _asked(run):
        if answer.complete:
            folder = score_folder(run, answer.model, answer.clip_id, answer.sample)
            known_of = (folder / "opinion.json", _flow(folder)) if folder in judged else (None, None)
            entry = store.read_json(answer.folder / store.CLIP)
            second.append(_shown(answer.folder, entry, captions.get(answer.clip_id, ""), *known_of))
    return first, second


def _asked(run: Run) -> list[Answer]:
    """The answers of the models that are to be shown. Raises ValueError if one of them was never asked."""
    every = answers(run) if "answers" in store.read_json(run.folder / PLAN) else []
    known = {answer.model for answer in every}
    if unknown := set(run.review.models) - known:
        there = ", ".join(sorted(known)) or "none"
        raise ValueError(
            f"review.models: expected some of the run's models ({there}), got {', '.join(sorted(unknown))}"
        )
    return [answer for answer in every if not run.review.models or answer.model in run.review.models]


def _shown(folder: Path, entry: dict[str, Any], caption: str, opinion: Path | None, flow: FlowFile | None) -> Shown:
    height, width = entry["size"]
    return Shown(
        clip_id=entry["clip_id"],
        source=entry["source"],
        sample=entry["sample"],
        hash=entry["files"]["rgb.mkv"],
        folder=folder,
        fps=float(entry["fps"]),
        num_frames=entry["num_frames"],
        size=(height, width),
        caption=caption,
        opinion=opinion,
        flow=flow,
    )


def _flow(folder: Path) -> FlowFile:
    """What the judge saw: the estimator's flow."""
    return FlowFile(folder / "flow.npz", "forward")


def _exact(folder: Path, entry: dict[str, Any]) -> FlowFile:
    """The truth's own flow, before anybody has estimated one."""
    stored = entry["layers"].get("forward_flow", {})
    return FlowFile(folder / "layers.npz", "forward_flow", stored.get("steps_per_pixel", 1.0))
