"""One page of a list, and how a query becomes one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tonewatch.core.errors import UnfitError

MOST_PER_PAGE = 1000
_LAST_PAGE = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many.

    Attributes:
        items: those of this page.
        page: which one, counted from 1.
        per_page: how many a page holds.
        total: how many there are on all pages.
    """

    items: tuple[T, ...]
    page: int
    per_page: int
    total: int


def paginate(
    session: Session,
    query: Select[Any],
    value: Callable[[Any], T],
    page: int,
    per_page: int,
) -> Page[T]:
    """One page of the rows of an ordered query, each as `value` makes it.

    Raises:
        UnfitError: there can be no such page.
    """
    if not (1 <= page <= _LAST_PAGE and 1 <= per_page <= MOST_PER_PAGE):
        raise UnfitError(
            f"expected a page from 1 to {_LAST_PAGE} of 1 to {MOST_PER_PAGE} items, "
            f"came page {page} of {per_page}"
        )
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.scalars(query.limit(per_page).offset((page - 1) * per_page))
    return Page(tuple(value(row) for row in rows), page, per_page, total)
