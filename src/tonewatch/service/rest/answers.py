"""Shapes that several routes share: a page of a list, and a field's usual forms."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from tonewatch.store.page import Page

S = TypeVar("S")
T = TypeVar("T", bound=BaseModel)


class Answer(BaseModel):
    """What an answer is made of; read from the store's values by their names."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """What a body is made of: a name that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class PageOf(Answer, Generic[T]):
    """Some of many, the newest first."""

    items: list[T] = Field(description="Those of this page.")
    page: int = Field(description="Which page, counted from 1.", examples=[1])
    per_page: int = Field(description="How many a page holds.", examples=[50])
    total: int = Field(description="How many there are on all pages.", examples=[137])


def page_of(kind: type[T], page: Page[S], answer: Callable[[S], T] | None = None) -> PageOf[T]:
    """The store's page in the shape of an answer; each item read by its names, or by `answer`."""
    items = [(answer or kind.model_validate)(item) for item in page.items]
    return PageOf[kind](  # type: ignore[valid-type]
        items=items, page=page.page, per_page=page.per_page, total=page.total
    )


# A NUL in a text fits no database; it is refused here already, where the schema can say so.
TEXT = r"^[^\x00]*$"


def _in_use(moment: datetime) -> datetime:
    # Years 1 and 9999 overflow in other zones.
    if not 1900 <= moment.year <= 2200:
        raise ValueError("expected a year from 1900 to 2200")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_use)]

PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="Which page, from 1.")]
PerPage = Annotated[int, Query(ge=1, le=200, description="How many a page.")]
Search = Annotated[
    str | None, Query(max_length=200, pattern=TEXT, description="Words to look for.")
]
Since = Annotated[Moment | None, Query(description="From this time on, with its zone.")]
Until = Annotated[Moment | None, Query(description="Up to this time, with its zone.")]
Id = Annotated[
    str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="Its id.")
]
