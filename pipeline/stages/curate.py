"""Which truth clips go into the training set, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from pipeline import curation, materials, scenarios, shelf, store
from pipeline.review import decisions
from pipeline.stages import Run, Tally
from pipeline.stages._layout import Truth, checks_folder, opinions, score_folder, truths
from pipeline.stages._opinions import read_opinion
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Judgement

ROOMS = ("curation", "stages.curate")


def curate(run: Run) -> Tally:
    """Measure every truth clip, decide about all together, write curation.jsonl.

    Raises ValueError for names in the settings that are on no shelf.
    """
    rule = run.curation
    rule.check_names(shelf.names(scenarios), shelf.names(materials), scenarios.GRADES)
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
    candidates = _candidates(run, [truth for truth in known if truth.clip_id in tally.done])
    table = run.folder / "curation.jsonl"
    before = [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []
    verdicts = rule.decide(candidates, curation.standing(before, rule))
    lessons = rule.lessons(verdicts, candidates, scenarios.GRADES)
    rows = [curation.row(*each, rule) for each in zip(verdicts, candidates, lessons, strict=True)]
    store.write_text(table, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
    notes = curation.notes(verdicts, candidates, rule)
    for note in notes:
        print(f"curate: {note}", file=sys.stderr)
    told = {**curation.totals(verdicts, candidates), "notes": notes}
    store.update_json(run.folder / "summary.json", curated=told)
    return tally


def _candidates(run: Run, known: Sequence[Truth]) -> list[curation.Candidate]:
    current = opinions(run)
    said = decisions.read(run.folder / decisions.FILE)
    found = []
    for truth in known:
        measured = store.read_json(checks_folder(run, truth.clip_id) / "checks.json")
        likeness = measured.pop("likeness")
        scene = store.load_scene(truth.folder)
        judged = _judgements(run, truth, current)
        found.append(curation.candidate(scene, measured, judged, _votes(truth, said), likeness))
    return found


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
    clip = store.load_clip(truth)
    with store.publish(folder, key, {}) as unfinished:
        store.write_json(unfinished / "checks.json", {**curation.inspect(clip), "likeness": curation.describe(clip)})
