import pytest

from store.kept import Kept
from tonewatch.core.errors import ConflictError, NotFoundError
from tonewatch.store.assessments import Assessment, AssessmentKind


def test_they_come_back_in_order_of_time(kept: Kept) -> None:
    kept.call("c")
    later = Assessment("c", 3.0, AssessmentKind.CHECK, 1.0, "check", {"silence": 1}, "2")
    sooner = kept.assessment("c")
    kept.assessments.add("c", [later])
    assert kept.assessments.of("c") == (sooner, later)


def test_of_no_call(kept: Kept) -> None:
    with pytest.raises(NotFoundError):
        kept.assessments.of("x")
    with pytest.raises(NotFoundError):
        kept.assessments.add("x", [])


def test_of_an_erased_call(kept: Kept) -> None:
    kept.ended_call("c")
    kept.assessment("c")
    kept.retention.erase_call("c", actor="me")
    assert kept.assessments.of("c") == ()
    with pytest.raises(ConflictError, match="erased"):
        kept.assessment("c")


def test_kept_twice_is_kept_once_and_the_last_is_found(kept: Kept) -> None:
    kept.call("c")
    kept.call("d")
    first = kept.assessment("c")
    assert kept.assessment("c") == first
    later = Assessment("c", 3.0, AssessmentKind.URGENCY, 0.2, "low", {}, "1")
    check = Assessment("c", 1.5, AssessmentKind.CHECK, 0.9, "check", {}, "1")
    kept.assessments.add("c", [check, later])
    assert kept.assessments.of("c") == (first, check, later)
    assert kept.assessments.last(["c", "d", "x"]) == {
        "c": {AssessmentKind.URGENCY: later, AssessmentKind.CHECK: check}
    }
