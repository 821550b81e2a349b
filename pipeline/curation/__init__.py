"""Curation: which truth clips go into the training set, and why.

_candidate.py   what is known of a clip: scene, measurements, what models made of it, what people say
_inspect.py     the measurements of one clip
_likeness.py    a small descriptor of a clip, and finding near-duplicates by it
_gate.py        what speaks against a clip by itself
_names.py       limits and held-out combinations by name, with wildcards
_limits.py      how many clips of a kind there is room for
_splits.py      families of clips -> train, validation, test
_lessons.py     what a trainer follows: weights and order
_rule.py        the settings, and the steps in their order
_table.py       rows of curation.jsonl, totals

docs/curation.md explains every setting with an example.
"""

from pipeline.curation._candidate import Candidate, Standing, Vote, candidate
from pipeline.curation._inspect import inspect
from pipeline.curation._lessons import Lesson
from pipeline.curation._likeness import describe
from pipeline.curation._rule import Curation
from pipeline.curation._table import notes, row, standing, totals

__all__ = [
    "Candidate",
    "Curation",
    "Lesson",
    "Standing",
    "Vote",
    "candidate",
    "describe",
    "inspect",
    "notes",
    "row",
    "standing",
    "totals",
]
