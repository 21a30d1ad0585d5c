import pytest

from store.kept import Kept
from tonewatch.core.errors import UnfitError


def test_pages_hold_everything_once_and_in_order(kept: Kept) -> None:
    for k in range(7):
        kept.call(f"c{k}", minutes=k)
    pages = [kept.calls.list(page=page, per_page=3) for page in (1, 2, 3, 4)]
    assert [call.id for page in pages for call in page.items] == [f"c{6 - k}" for k in range(7)]
    assert [(page.total, page.page, page.per_page) for page in pages] == [
        (7, page, 3) for page in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    ("page", "per_page"), [(0, 1), (-1, 1), (1, 0), (1, 1001), (10**9, 1), (2**70, 1)]
)
def test_pages_that_cannot_be_are_refused(kept: Kept, page: int, per_page: int) -> None:
    with pytest.raises(UnfitError, match="expected a page"):
        kept.calls.list(page=page, per_page=per_page)
