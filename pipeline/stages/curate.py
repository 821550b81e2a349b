"""Which truth clips go into the training set, and why."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from pathlib import Path

from pipeline import curation, store
from pipeline.review import decisions
from pipeline.stages import Run, Tally
from pipeline.stages._layout import Truth, checks_folder, opinions, score_folder, truths
from pipeline.stages._opinions import read_opinion
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Judgement

ROOMS = ("curation", "stages.curate")


def curate(run: Run) -> Tally:
    """Measure every truth clip, decide about all together, write curation.jsonl."""
    known = truths(run)
    units = [
        Unit(
            truth.clip_id,
            checks_folder(run, truth.clip_id),
            store.key("checks", code(*ROOMS), truth.key),
            _inspect,
            (truth.folder,),
        )
        for truth in known
    ]
    tally = perform(run, "curate", units)
    current = opinions(run)
    said = decisions.read(run.folder / decisions.FILE)
    candidates = [
        curation.candidate(
            store.load_scene(truth.folder),
            store.read_json(checks_folder(run, truth.clip_id) / "checks.json"),
            _judgements(run, truth, current),
            _votes(truth, said),
        )
        for truth in known
        if truth.clip_id in tally.done
    ]
    verdicts = run.curation.decide(candidates)
    rows = [curation.row(verdict, one) for verdict, one in zip(verdicts, candidates, strict=True)]
    store.write_text(run.folder / "curation.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    accepted = sum(verdict.accepted for verdict in verdicts)
    store.update_json(run.folder / "summary.json", curated={"accepted": accepted, "rejected": len(verdicts) - accepted})
    return tally


def _judgements(run: Run, truth: Truth, current: Container[Path]) -> list[Judgement]:
    """What was said about the model under examination; empty before stage=score. Baselines would only dilute it."""
    folders = [score_folder(run, run.model.called, truth.clip_id, sample) for sample in range(run.samples)]
    scored = [folder for folder in folders if folder in current]
    return [judgement for folder in scored for judgement in read_opinion(folder).judgements]


def _votes(truth: Truth, said: Sequence[decisions.Decision]) -> list[curation.Vote]:
    """What people say of the clip as it is now; verdicts about other bytes of that name do not count."""
    clip = (truth.clip_id, "truth", 0, store.read_json(truth.folder / store.CLIP)["files"]["rgb.mkv"])
    votes = [_vote(one) for one in decisions.latest(said).get(clip, {}).values()]
    final = decisions.adjudicated(said).get(clip)
    return [*votes, _vote(final)] if final else votes


def _vote(one: decisions.Decision) -> curation.Vote:
    reasons = (*one.reasons, *([one.note] if one.note else []))
    return curation.Vote(one.reviewer, one.verdict == "approve", reasons, final=one.act == "adjudicate")


def _inspect(folder: Path, key: str, truth: Path) -> None:
    with store.publish(folder, key, {}) as unfinished:
        store.write_json(unfinished / "checks.json", curation.inspect(store.load_clip(truth)))
