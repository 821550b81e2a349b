"""Croissant 1.0: the tables of a layout as machines read them.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html

One record set a split, named after it; its fields are the columns of the split's table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline._files import sha256
from pipeline.exporters import About
from pipeline.exporters._card import Census

TERMS = (
    "column conformsTo:dct citeAs equivalentProperty extract field fileProperty fileObject fileSet format includes "
    "isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate "
    "separator source subField transform"
)
"""Words of the standard context; those without a prefix are Croissant's own."""
FORMATS = {".jsonl": "application/jsonlines", ".parquet": "application/x-parquet"}
LICENCES = {"apache-2.0": "Apache-2.0", "cc0-1.0": "CC0-1.0", "cc-by-4.0": "CC-BY-4.0", "mit": "MIT"}
"""The hub's identifiers as SPDX spells them."""
KINDS = {str: "sc:Text", bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float"}


def croissant(about: About, census: Census, folder: Path, first: Mapping[str, Any], table: str) -> None:
    """Write croissant.json about the tables that lie in the folder.

    `table` is a split's file, or a pattern of its files, with {split} in it; `first` is a row: all have its columns.
    """
    tables = {split: table.format(split=split) for split in census.splits}
    told = {
        "@context": _context(),
        "@type": "sc:Dataset",
        "name": about.name,
        "description": f"{sum(census.by_split.values())} simulated clips of bodies and media, with captions, exact "
        "layers where the layout holds them, and provenance."
        + (f" Not validated: {about.unvalidated}." if about.unvalidated else ""),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": f"{about.name}, made with quicksand {_version()}",
        "creator": {"@type": "sc:Organization", "name": "quicksand"},
        "datePublished": about.date,
        "keywords": ["physics", "simulation", "video"],
        "license": f"https://spdx.org/licenses/{LICENCES.get(about.licence, about.licence)}.html",
        "version": "1.0.0",
        "distribution": [*_files(folder, tables), *_videos(folder)],
        "recordSet": [_records(split, path, first) for split, path in tables.items()],
    }
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / "croissant.json").write_text(text + "\n", encoding="utf-8")


def _context() -> dict[str, Any]:
    """The standard JSON-LD context."""
    context: dict[str, Any] = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    }
    for term in TERMS.split():
        word, _, prefix = term.partition(":")
        context[word] = f"{prefix or 'cr'}:{word}"
    return context


def _files(folder: Path, tables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The tables: a file with its hash, or a set of shards."""
    for path in tables.values():
        entry = {"@id": path, "name": path, "encodingFormat": FORMATS[Path(path).suffix]}
        if "*" in path:
            yield {"@type": "cr:FileSet", **entry, "includes": path}
        else:
            yield {"@type": "cr:FileObject", **entry, "contentUrl": path, "sha256": sha256(folder / path)}


def _videos(folder: Path) -> Iterator[dict[str, Any]]:
    """The video files, or the archives that hold them, where there are any; a row says its own file and hash."""
    for name, suffix, encoding in (("videos", ".mp4", "video/mp4"), ("shards", ".tar", "application/x-tar")):
        if next(folder.rglob(f"*{suffix}"), None):
            entry = {"@id": name, "name": name, "encodingFormat": encoding, "includes": f"*{suffix}"}
            yield {"@type": "cr:FileSet", **entry}


def _records(split: str, path: str, first: Mapping[str, Any]) -> dict[str, Any]:
    """A split: its columns and their types."""
    source = {"fileSet" if "*" in path else "fileObject": {"@id": path}}
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{split}/{column}",
            "name": column,
            **_kind(value),
            "source": {**source, "extract": {"column": column}},
        }
        for column, value in first.items()
    ]
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "field": fields}


def _kind(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"dataType": KINDS[type(value[0]) if value else str], "cr:isArray": True, "cr:arrayShape": "-1"}
    return {"dataType": KINDS[type(value)]}


def _version() -> str:
    try:
        return version("quicksand")
    except PackageNotFoundError:
        return ""
