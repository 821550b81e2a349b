"""The page: what was simulated, what the models made of it, where it breaks, and what goes into the training set.

`render` turns a `Page` into one HTML file that needs nothing else: pictures, films and charts stand inside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline._report.bench import BenchPage as BenchPage
from pipeline._report.nouns import Case as Case
from pipeline._report.nouns import ClipRow as ClipRow
from pipeline._report.nouns import Curve as Curve
from pipeline._report.nouns import ExamPage as ExamPage
from pipeline._report.nouns import LawPage as LawPage
from pipeline._report.nouns import LawSection as LawSection
from pipeline._report.nouns import Mean as Mean
from pipeline._report.nouns import MeanError as MeanError
from pipeline._report.nouns import ModelAnswer as ModelAnswer
from pipeline._report.nouns import ModelSummary as ModelSummary
from pipeline._report.nouns import Page as Page
from pipeline._report.nouns import SheetClip as SheetClip
from pipeline._report.nouns import SheetPage as SheetPage
from pipeline._report.nouns import StageCount as StageCount
from pipeline._report.nouns import UnreferencedClip as UnreferencedClip
from pipeline._report.nouns import UnreferencedPage as UnreferencedPage
from pipeline._report.study import Chart as Chart
from pipeline._report.study import Line as Line
from pipeline._report.study import Strips as Strips
from pipeline._report.study import StudyPage as StudyPage
from pipeline._report.summary import chosen as chosen
from pipeline._report.summary import first_bad_frame as first_bad_frame
from pipeline._report.summary import mean_errors as mean_errors
from pipeline._report.summary import summarise as summarise
from pipeline._report.view import amount as amount
from pipeline.types import Layers, UInt8

if TYPE_CHECKING:
    import jinja2


def render(page: Page) -> str:
    """The whole page as HTML, the same bytes for the same input; clips are taken from `page.clips` one at a time."""
    from pipeline._report import charts, pictures, view

    roles = {one.model: one.role for one in page.summaries}
    chapters = [view.chapter(row, roles) for row in page.clips]
    answers = view.ranked(chapters)
    worst, best = view.galleries(answers)
    return _template("page.html.j2").render(
        page=page,
        chapters=chapters,
        typical=answers[len(answers) // 2] if answers else None,
        worst=worst,
        best=best,
        ladder=charts.ladder(page.summaries),
        columns=view.columns,
        error_units=view.error_units(page.summaries),
        odd_answers=view.odd_answers,
        curated=view.curated(page),
        wheel=pictures.legend(),
        failures=sum(len(one.failed) for one in page.stages),
    )


def render_laws(page: LawPage) -> str:
    """The page of laws as HTML: every measurement against what is expected, and the curves."""
    from pipeline._report import plots

    rows = [one for section in page.sections for one in section.measurements]
    return _template("laws.html.j2").render(
        page=page,
        infinite=math.inf,
        judged=[one for one in rows if math.isfinite(one.tolerance)],
        pictures={section.law: plots.pictures(section.plots) for section in page.sections},
    )


def render_exam(page: ExamPage) -> str:
    """The page of the judge's exam as HTML."""
    return _template("exam.html.j2").render(page=page)


def render_bench(page: BenchPage, moving: float) -> str:
    """The page of flow errors and costs as HTML; motion of more than `moving` [px/frame] counts as one."""
    from pipeline._report import bench

    return _template("bench.html.j2").render(
        page=page,
        moving=moving,
        word=bench.word,
        errors={material: bench.error_bars(page, material) for material in page.materials},
        costs={clip: bench.cost_bars(page, clip) for clip in page.clips},
        names=list(dict.fromkeys(row["estimator"] for row in page.flows)),
    )


def render_unreferenced(page: UnreferencedPage) -> str:
    """The page of clips without a scene as HTML."""
    return _template("unreferenced.html.j2").render(page=page)


def render_sheet(page: SheetPage) -> str:
    """The contact sheet of truth clips as HTML."""
    return _template("sheet.html.j2").render(page=page)


def render_study(page: StudyPage) -> str:
    """The page of a study as HTML."""
    from pipeline._report import study

    return _template("study.html.j2").render(
        page=page,
        draw=study.learning_chart,
        measured=study.measured,
        percent=study.percent,
        changed=study.changed,
        told=study.told,
    )


def shown_layers(layers: Layers, frame: int) -> str:
    """Depth, instances and forward flow of one frame side by side as a picture that can stand in a page."""
    from pipeline._report import pictures

    depth = pictures.depth_picture(layers.depth[frame])
    things = pictures.instance_picture(layers.segmentation[frame])
    flow = pictures.flow_picture(layers.forward_flow[frame], pictures.flow_scale(layers.forward_flow))
    return pictures.strip([depth, things, flow])


def strip(frames: Sequence[UInt8]) -> str:
    """Some frames side by side as a picture that can stand in a page (a data URI)."""
    from pipeline._report import pictures

    return pictures.strip(frames)


def _template(name: str) -> jinja2.Template:
    """A template of this room. A value that is forgotten must stop the page, not leave a hole in it."""
    import jinja2

    from pipeline._report import view

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "_report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(mean=view.mean_words, counted=view.counted, spoken=view.spoken)
    environment.filters.update(figure=view.figure, amount=view.amount)
    environment.filters.update(error=view.error_words)
    return environment.get_template(name)
