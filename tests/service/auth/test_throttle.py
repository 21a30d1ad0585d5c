from datetime import UTC, datetime, timedelta

import pytest

from tonewatch.service.auth.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, times: int, name: str = "ada", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        throttle.failed(name, address)


def test_a_few_tries_are_free_and_then_each_doubles_the_wait(
    throttle: Throttle, clock: Clock
) -> None:
    fail(throttle, 4)
    assert throttle.wait_s("ada", "10.0.0.1") == 0
    waits = []
    for _ in range(4):
        throttle.failed("ada", "10.0.0.1")
        waits.append(throttle.wait_s("ada", "10.0.0.1"))
    assert waits == [1, 2, 4, 8]
    clock.wait(7.5)
    assert throttle.wait_s("ADA", "10.0.0.1") == 0.5
    clock.wait(0.5)
    assert throttle.wait_s("ada", "10.0.0.1") == 0


@pytest.mark.parametrize("name", ["ADA", " ada", "ada\t", "\uff41da"])
def test_no_other_spelling_of_a_name_has_tries_of_its_own(throttle: Throttle, name: str) -> None:
    fail(throttle, 5)
    assert throttle.wait_s(name, "10.0.0.1") == 1


def test_the_wait_has_an_end(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 2_000)
    assert throttle.wait_s("ada", "10.0.0.1") == 900


def test_a_right_password_clears_the_name_but_not_the_address(throttle: Throttle) -> None:
    for name in "abcdef":
        fail(throttle, 4, name)
    throttle.succeeded("a", "10.0.0.1")
    assert throttle.wait_s("someone", "10.0.0.1") == 16


def test_a_stranger_elsewhere_does_not_lock_a_name_out(throttle: Throttle) -> None:
    fail(throttle, 40, "ada", "6.6.6.6")
    assert throttle.wait_s("ada", "10.0.0.1") == 0
    assert throttle.wait_s("ada", "6.6.6.6") > 0


def test_guesses_from_everywhere_cost_a_minute_at_most(throttle: Throttle) -> None:
    for n in range(70):
        throttle.failed("ada", f"10.0.1.{n}")
    assert throttle.wait_s("ada", "10.0.0.1") == 60


def test_who_signed_in_from_there_before_waits_for_no_stranger(
    throttle: Throttle, clock: Clock
) -> None:
    throttle.succeeded("Ada", "10.0.0.1")
    for n in range(100):
        throttle.failed("ada", f"10.0.1.{n}")
    assert throttle.wait_s("ada", "10.0.0.1") == 0
    assert throttle.wait_s("ada", "10.0.0.2") == 60
    fail(throttle, 6)
    assert throttle.wait_s("ada", "10.0.0.1") == 2


def test_links_of_all_people_share_no_count(throttle: Throttle) -> None:
    for n in range(70):
        throttle.failed("", f"10.0.1.{n}")
    assert throttle.wait_s("", "10.0.0.1") == 0
    fail(throttle, 6, "")
    assert throttle.wait_s("", "10.0.0.1") == 2


def test_all_addresses_of_one_house_count_as_one(throttle: Throttle) -> None:
    for n in range(21):
        throttle.failed(f"name{n}", f"2001:db8::{n:x}")
    assert throttle.wait_s("ada", "2001:db8::ffff:1:2:3") == 2
    assert throttle.wait_s("ada", "2001:db8:0:1::1") == 0
    fail(throttle, 6, "ada", "::ffff:10.0.0.1")
    assert throttle.wait_s("ada", "10.0.0.1") == 2


def test_failures_are_forgotten(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 9)
    clock.wait(3601)
    assert throttle.wait_s("ada", "10.0.0.1") == 0
    throttle.failed("ada", "10.0.0.1")
    assert throttle.wait_s("ada", "10.0.0.1") == 0


def test_memory_has_a_bound(throttle: Throttle) -> None:
    for n in range(6_000):
        throttle.failed(f"name{n}", "10.0.0.1")
        throttle.succeeded(f"name{n}", f"10.0.0.{n}")
        throttle.succeeded(f"name{n}", f"10.0.1.{n}")
    assert len(throttle._counts) == len(throttle._signed_in) == 10_000
