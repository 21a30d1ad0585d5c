"""The first tables: people, calls, recordings and the audit.

Frozen: it says what the tables were, whatever `tonewatch.store.tables` says by now.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tonewatch.store.columns import Json, LongText, Moment, Number, Words

revision = "0001"
down_revision = None

_OPTIONS: dict[str, Any] = {
    f"{kind}_{key}": value
    for kind in ("mysql", "mariadb")
    for key, value in {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}.items()
}
_TABLES = (
    "preferences",
    "audit_head",
    "audit",
    "recordings",
    "blobs",
    "decisions",
    "notes",
    "windows",
    "calls",
    "one_time_links",
    "api_keys",
    "users",
)


def upgrade() -> None:
    """Make the tables, and the audit's head before its first entry."""
    _people()
    _calls()
    _recordings()
    _audit()
    op.create_table(
        "preferences",
        _text("key", 64, primary_key=True),
        sa.Column("value", Json(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        **_OPTIONS,
    )


def downgrade() -> None:
    """Drop the tables with all that is in them."""
    for name in _TABLES:
        op.drop_table(name)


def _text(name: str, length: int, *more: Any, nullable: bool = False, **rest: Any) -> Any:
    return sa.Column(name, Words(length), *more, nullable=nullable, **rest)


def _float(name: str, **rest: Any) -> Any:
    return sa.Column(name, sa.Double(), nullable=False, **rest)


def _call_id() -> Any:
    return _text("call_id", 64, sa.ForeignKey("calls.id"), index=True)


def _id() -> Any:
    return sa.Column("id", Number, primary_key=True)


def _people() -> None:
    op.create_table(
        "users",
        _text("id", 64, primary_key=True),
        _text("name", 255),
        _text("name_key", 255, unique=True),
        _text("role", 32),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("password_hash", 255, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "api_keys",
        _text("id", 64, primary_key=True),
        _text("name", 255),
        _text("prefix", 16, unique=True),
        _text("secret_sha256", 64),
        sa.Column("scopes", Json(), nullable=False),
        _text("user_id", 64, sa.ForeignKey("users.id"), nullable=True, index=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment()),
        sa.Column("revoked_at", Moment()),
        sa.Column("last_used_at", Moment()),
        **_OPTIONS,
    )
    op.create_table(
        "one_time_links",
        _text("token_sha256", 64, primary_key=True),
        _text("user_id", 64, sa.ForeignKey("users.id"), index=True),
        _text("purpose", 32),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment()),
        **_OPTIONS,
    )


def _calls() -> None:
    op.create_table(
        "calls",
        _text("id", 64, primary_key=True),
        sa.Column("started_at", Moment(), nullable=False, index=True),
        sa.Column("ended_at", Moment()),
        _text("state", 16, index=True),
        _text("reason", 64, nullable=True),
        sa.Column("channels", Json(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.Column("words", LongText(), nullable=False),
        _text("bundle", 255),
        _text("bundle_sha256", 64),
        _float("threshold"),
        _float("duration_s"),
        _float("dropped_s"),
        sa.Column("emotion", Json()),
        _text("label", 64, nullable=True),
        sa.Column("warnings", Json(), nullable=False),
        sa.Column("legal_hold", sa.Boolean(), nullable=False),
        sa.Column("erased_at", Moment()),
        **_OPTIONS,
    )
    op.create_table(
        "windows",
        _text("call_id", 64, sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("channel", sa.Integer(), primary_key=True, autoincrement=False),
        _float("start_s", primary_key=True),
        _float("end_s"),
        _text("label", 64, nullable=True),
        _float("confidence"),
        sa.Column("certain", sa.Boolean(), nullable=False),
        sa.Column("probabilities", Json(), nullable=False),
        _float("speech_s"),
        **_OPTIONS,
    )
    op.create_table(
        "notes",
        _id(),
        _call_id(),
        _text("author", 255),
        sa.Column("text", LongText(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "decisions",
        _id(),
        _call_id(),
        _text("user", 255),
        _text("kind", 64),
        _text("value", 255),
        sa.Column("reason", LongText(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        **_OPTIONS,
    )


def _recordings() -> None:
    op.create_table("blobs", _text("sha256", 64, primary_key=True), **_OPTIONS)
    op.create_table(
        "recordings",
        _text("id", 64, primary_key=True),
        _text("sha256", 64, sa.ForeignKey("blobs.sha256"), index=True),
        _text("name", 255),
        sa.Column("size_bytes", Number, nullable=False),
        _float("duration_s"),
        sa.Column("rate_hz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        _text("codec", 64),
        sa.Column("created_at", Moment(), nullable=False, index=True),
        _text("created_by", 255, nullable=True),
        _text("call_id", 64, sa.ForeignKey("calls.id"), nullable=True, index=True),
        sa.Column("legal_hold", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", Moment()),
        sa.Column("result", Json()),
        _text("label", 64, nullable=True),
        **_OPTIONS,
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("at", Moment(), nullable=False, index=True),
        _text("actor", 255),
        _text("action", 64),
        _text("subject", 255),
        sa.Column("details", Json(), nullable=False),
        _text("previous", 64),
        _text("hash", 64),
        sa.Index(None, "subject", "number"),
        **_OPTIONS,
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", Number, nullable=False),
        _text("hash", 64),
        **_OPTIONS,
    )
    assert head is not None
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": "0" * 64}])
