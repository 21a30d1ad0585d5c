import asyncio
from typing import Any

import pytest

from tonewatch.service.dashboard.recordings import within
from tonewatch.store.page import Page


@pytest.mark.parametrize(("left", "page"), [(51, 3), (50, 2), (25, 1), (0, 1)])
def test_without_its_last_entry_the_page_before_is_shown(left: int, page: int) -> None:
    asked: dict[str, Any] = {"page": 3}

    async def get() -> Page[int]:
        begin = 25 * (asked["page"] - 1)
        return Page(tuple(range(begin, min(left, begin + 25))), asked["page"], 25, left)

    found = asyncio.run(within(asked, get))
    assert (found.page, asked["page"]) == (page, page)
    assert bool(found.items) == bool(left)
