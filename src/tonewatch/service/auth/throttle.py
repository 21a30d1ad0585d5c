"""Slows down the guessing of passwords: each wrong one doubles the wait for the next.

Three counts, so that one guesser locks out neither a name nor a whole house: the name from one
address (5 free), the address (20 free), and the name from everywhere (50 free, waits of at most a
minute). A stranger must not lock a call-taker out: where a name has signed in from an address
before, the last does not hold. Of IPv6 the first 64 bits count: one house has all that begins with
them (RFC 6177). In the memory of one process: shared counts would make a write to the database of
each guess. It knows no password, and of the store only which spellings are one name.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from tonewatch.store.users import name_key

_REMEMBERED = 10_000  # keys; the longest unused are forgotten first
_FORGET = timedelta(hours=1)
_AT_ONCE = 2  # each hash has four threads of its own


@dataclass(frozen=True, slots=True)
class _Rule:
    free: int
    longest_s: float


_RULES = {"both": _Rule(5, 900.0), "address": _Rule(20, 900.0), "name": _Rule(50, 60.0)}


@dataclass(slots=True)
class _Count:
    failures: int
    last: datetime


class Throttle:
    """Counts failures and says how long to wait.

    Attributes:
        few: held while a password is hashed, from asking for the wait to counting the try: each
            hash takes 64 MiB, and of many tries at once all would be free.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str, str], _Count] = OrderedDict()
        self._signed_in: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()
        self.few = threading.BoundedSemaphore(_AT_ONCE)

    def wait_s(self, name: str, address: str) -> float:
        """How many seconds until a try may be made; 0 is now."""
        now, keys = self._clock(), _keys(name, address)
        with self._lock:
            if keys[0][1:] in self._signed_in:
                keys = keys[:2]
            return max(self._wait_s(key, now) for key in keys)

    def failed(self, name: str, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        with self._lock:
            for key in _keys(name, address):
                count = self._counts.pop(key, None)
                if count is None or now - count.last > _FORGET:
                    count = _Count(0, now)
                self._counts[key] = _Count(count.failures + 1, now)
            while len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address; the address keeps its count."""
        key = _keys(name, address)[0]
        with self._lock:
            self._counts.pop(key, None)
            self._signed_in[key[1:]] = None
            self._signed_in.move_to_end(key[1:])
            if len(self._signed_in) > _REMEMBERED:
                self._signed_in.popitem(last=False)

    def _wait_s(self, key: tuple[str, str, str], now: datetime) -> float:
        count, rule = self._counts.get(key), _RULES[key[0]]
        if count is None or count.failures < rule.free:
            return 0.0
        # 2**20 s is beyond every longest wait, and stays a small number.
        wait_s = min(rule.longest_s, 2.0 ** min(count.failures - rule.free, 20))
        return max(0.0, wait_s - (now - count.last).total_seconds())


def _keys(name: str, address: str) -> tuple[tuple[str, str, str], ...]:
    key, house = name_key(name), _house(address)
    keys = ("both", key, house), ("address", "", house)
    # Those who come by a one-time link tell no name; they must not share one count.
    return (*keys, ("name", key, "")) if key else keys


def _house(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    return f"{int(ip) >> 64:x}" if ip.ipv4_mapped is None else str(ip.ipv4_mapped)
