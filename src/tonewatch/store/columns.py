"""Column types that keep the same value on SQLite, PostgreSQL, MySQL and MariaDB.

The databases differ in what they take silently (a text that is too long, a NUL, a time without a
zone, NaN in JSON); these types refuse it before it gets there. They know no table.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT
from sqlalchemy.types import TypeDecorator, TypeEngine

from tonewatch.core.errors import UnfitError

_MYSQL = ("mysql", "mariadb")

# SQLite counts up only in a column of exactly this type.
Number = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A moment to the microsecond: UTC in the column, with its zone in Python."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else as_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """A text of at most `length` characters."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        length = self.impl_instance.length  # type: ignore[attr-defined]
        if value is not None and len(value) > length:
            raise UnfitError(
                f"expected at most {length} characters, came {len(value)}: {value[:40]!r}…; "
                "shorten it"
            )
        return as_text(value)


class LongText(TypeDecorator[str]):
    """A text of any length."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LONGTEXT() if dialect.name in _MYSQL else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return as_text(value)


class Json(TypeDecorator[Any]):
    """A value of JSON as canonical text, so that every database gives back the same."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LONGTEXT() if dialect.name in _MYSQL else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def as_utc(value: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        UnfitError: it has no zone, so nobody can say which moment it is.
    """
    if value.tzinfo is None:
        raise UnfitError(f"expected a time with its zone, came {value.isoformat()}; add the zone")
    return value.astimezone(UTC)


def as_text(value: str | None) -> str | None:
    """The text as it came.

    Raises:
        UnfitError: a NUL or half a surrogate pair is in it, which a database does not take.
    """
    if value is not None and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise UnfitError(f"expected text without NUL and surrogates, came {value[:40]!r}")
    return value


def canonical(value: Any) -> str:
    """JSON of one spelling only: sorted keys, no spaces, ASCII.

    Raises:
        UnfitError: JSON cannot say it (NaN, an object, keys that are no strings).
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfitError(f"expected a value of JSON, came one that is not: {error}") from error
