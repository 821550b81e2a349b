"""What the page sends: checked before anything is done with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.review import REASONS

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
Name = Annotated[str, Field(max_length=60)]


class Sent(BaseModel):
    """Who sends, and the key of what is sent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: Key
    reviewer: Name


class Said(Sent):
    """A verdict about one clip."""

    verdict: Literal["approve", "reject", "skip"]
    reasons: list[Literal[REASONS]] = Field(default=[], max_length=len(REASONS))  # type: ignore[valid-type]
    note: str = Field(default="", max_length=1000)
    seconds: float = Field(default=0.0, ge=0, le=86400)


class Decide(Said):
    """A reviewer's verdict about one side of a task."""

    task: Id
    side: Literal["only", "left", "right"]


class Adjudicate(Said):
    """The last word about a clip on which reviewers differ."""

    verdict: Literal["approve", "reject"]
    clip: Id


class Undo(Sent):
    """Take back the reviewer's latest verdict."""
