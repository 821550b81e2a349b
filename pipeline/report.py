"""The page: what was simulated, what the models made of it, where it breaks, and what goes into the training set.

`render` turns a `Page` into one HTML file that needs nothing else: pictures, films and charts stand inside it.
"""

from __future__ import annotations

from pathlib import Path

from pipeline._report.nouns import Case as Case
from pipeline._report.nouns import ClipRow as ClipRow
from pipeline._report.nouns import Curve as Curve
from pipeline._report.nouns import Mean as Mean
from pipeline._report.nouns import ModelAnswer as ModelAnswer
from pipeline._report.nouns import ModelSummary as ModelSummary
from pipeline._report.nouns import Page as Page
from pipeline._report.nouns import StageCount as StageCount
from pipeline._report.summary import chosen as chosen
from pipeline._report.summary import first_bad_frame as first_bad_frame
from pipeline._report.summary import summarise as summarise


def render(page: Page) -> str:
    """The whole page as HTML, the same bytes for the same input; clips are taken from `page.clips` one at a time."""
    import jinja2

    from pipeline._report import charts, pictures, view

    roles = {one.model: one.role for one in page.summaries}
    chapters = [view.chapter(row, roles) for row in page.clips]
    answers = view.ranked(chapters)
    worst, best = view.galleries(answers)
    # A value that is forgotten must stop the page, not leave a hole in it.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "_report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(mean=view.mean_words, counted=view.counted, spoken=view.spoken)
    return environment.get_template("page.html.j2").render(
        page=page,
        chapters=chapters,
        typical=answers[len(answers) // 2] if answers else None,
        worst=worst,
        best=best,
        ladder=charts.ladder(page.summaries),
        columns=view.columns,
        odd_answers=view.odd_answers,
        curated=view.curated(page),
        wheel=pictures.legend(),
        failures=sum(len(one.failed) for one in page.stages),
    )
