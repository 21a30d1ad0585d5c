"""The tables. Nobody outside `store` sees their rows: repositories give frozen values instead.

A change here needs a migration beside it; a test compares the two on every database.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, Integer, MetaData, select
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from tonewatch.store.columns import Json, LongText, Moment, Number, Words

ID = Words(64)
SHA256 = Words(64)
NAME = Words(255)

# Names for what databases would name each in their own way, so that migrations can drop it.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
# MySQL compares text without regard to case unless told; the others do not.
OPTIONS = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
OPTIONS |= {key.replace("mysql", "mariadb"): value for key, value in OPTIONS.items()}


class Base(DeclarativeBase):
    """The root of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    __table_args__: Any = OPTIONS


class UserRow(Base):
    """A person; `name_key` is the name folded, so that no two differ by case only."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    name_key: Mapped[str] = mapped_column(NAME, unique=True)
    role: Mapped[str] = mapped_column(Words(32))
    active: Mapped[bool]
    password_hash: Mapped[str | None] = mapped_column(NAME)
    created_at: Mapped[datetime] = mapped_column(Moment)


class KeyRow(Base):
    """An API key; of its secret, the hash alone."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    prefix: Mapped[str] = mapped_column(Words(16), unique=True)
    secret_sha256: Mapped[str] = mapped_column(SHA256)
    scopes: Mapped[list[str]] = mapped_column(Json)
    user_id: Mapped[str | None] = mapped_column(ID, ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class LinkRow(Base):
    """A link that works once; of its token, the hash alone."""

    __tablename__ = "one_time_links"
    token_sha256: Mapped[str] = mapped_column(SHA256, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(Words(32))
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class CallRow(Base):
    """A call; `label` and `words` repeat what is in `emotion` and `details`, to be searched."""

    __tablename__ = "calls"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(Moment, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(Words(16), index=True)
    reason: Mapped[str | None] = mapped_column(Words(64))
    channels: Mapped[list[str]] = mapped_column(Json)
    details: Mapped[dict[str, str]] = mapped_column(Json)
    words: Mapped[str] = mapped_column(LongText)
    bundle: Mapped[str] = mapped_column(NAME)
    bundle_sha256: Mapped[str] = mapped_column(SHA256)
    threshold: Mapped[float] = mapped_column(Double)
    duration_s: Mapped[float] = mapped_column(Double)
    dropped_s: Mapped[float] = mapped_column(Double)
    emotion: Mapped[dict[str, Any] | None] = mapped_column(Json)
    label: Mapped[str | None] = mapped_column(Words(64))
    warnings: Mapped[list[dict[str, str]]] = mapped_column(Json)
    legal_hold: Mapped[bool]
    erased_at: Mapped[datetime | None] = mapped_column(Moment)


class WindowRow(Base):
    """What was heard in one window; its key makes writing it twice harmless."""

    __tablename__ = "windows"
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_s: Mapped[float] = mapped_column(Double, primary_key=True)
    end_s: Mapped[float] = mapped_column(Double)
    label: Mapped[str | None] = mapped_column(Words(64))
    confidence: Mapped[float] = mapped_column(Double)
    certain: Mapped[bool]
    probabilities: Mapped[dict[str, float]] = mapped_column(Json)
    speech_s: Mapped[float] = mapped_column(Double)


class NoteRow(Base):
    """What a person wrote about a call."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(Number, primary_key=True)
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), index=True)
    author: Mapped[str] = mapped_column(NAME)
    text: Mapped[str] = mapped_column(LongText)
    created_at: Mapped[datetime] = mapped_column(Moment)


class DecisionRow(Base):
    """What a person decided about a call."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(Number, primary_key=True)
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), index=True)
    user: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(Words(64))
    value: Mapped[str] = mapped_column(NAME)
    reason: Mapped[str] = mapped_column(LongText)
    shown: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Moment)


class AssessmentRow(Base):
    """How urgent a call was at a moment, or whether to check it, and what spoke for that."""

    __tablename__ = "assessments"
    id: Mapped[int] = mapped_column(Number, primary_key=True)
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), index=True)
    at_s: Mapped[float] = mapped_column(Double)
    kind: Mapped[str] = mapped_column(Words(16))
    value: Mapped[float] = mapped_column(Double)
    band: Mapped[str] = mapped_column(Words(32))
    contributions: Mapped[dict[str, Any]] = mapped_column(Json)
    policy_version: Mapped[str] = mapped_column(Words(64))


class TranscriptRow(Base):
    """What was said in one utterance, or that nobody wrote it down; twice is harmless."""

    __tablename__ = "transcript"
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_s: Mapped[float] = mapped_column(Double, primary_key=True)
    end_s: Mapped[float] = mapped_column(Double)
    recognised: Mapped[bool]
    words: Mapped[list[list[Any]]] = mapped_column(Json)


class SpottedRow(Base):
    """A phrase that was spotted in a call, beside whatever was written down; twice is harmless."""

    __tablename__ = "spotted"
    call_id: Mapped[str] = mapped_column(ID, ForeignKey("calls.id"), primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_s: Mapped[float] = mapped_column(Double, primary_key=True)
    phrase: Mapped[str] = mapped_column(NAME, primary_key=True)
    end_s: Mapped[float] = mapped_column(Double)


class PolicyRow(Base):
    """Rules of triage that were put in force; the newest row holds."""

    __tablename__ = "policies"
    id: Mapped[int] = mapped_column(Number, primary_key=True)
    version: Mapped[str] = mapped_column(Words(64), index=True)
    sha256: Mapped[str] = mapped_column(SHA256)
    text: Mapped[str] = mapped_column(LongText)
    actor: Mapped[str] = mapped_column(NAME)
    set_at: Mapped[datetime] = mapped_column(Moment)


class BlobRow(Base):
    """A file that recordings share; its row is what adding and deleting lock."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(SHA256, primary_key=True)


class RecordingRow(Base):
    """A recording; `label` repeats what is in `result`, to be searched.

    `call_held` is no column of it: whether its call is under legal hold, None without a call.
    """

    __tablename__ = "recordings"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    sha256: Mapped[str] = mapped_column(SHA256, ForeignKey("blobs.sha256"), index=True)
    name: Mapped[str] = mapped_column(NAME)
    size_bytes: Mapped[int] = mapped_column(Number)
    duration_s: Mapped[float] = mapped_column(Double)
    rate_hz: Mapped[int] = mapped_column(Integer)
    channels: Mapped[int] = mapped_column(Integer)
    codec: Mapped[str] = mapped_column(Words(64))
    created_at: Mapped[datetime] = mapped_column(Moment, index=True)
    created_by: Mapped[str | None] = mapped_column(NAME)
    call_id: Mapped[str | None] = mapped_column(ID, ForeignKey("calls.id"), index=True)
    legal_hold: Mapped[bool]
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    label: Mapped[str | None] = mapped_column(Words(64))
    call_held: Mapped[bool | None] = column_property(
        select(CallRow.legal_hold)
        .where(CallRow.id == call_id)
        .correlate_except(CallRow)
        .scalar_subquery()
    )


class AuditRow(Base):
    """One link of the audit's chain."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject", "number"), OPTIONS)
    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    actor: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(Words(64))
    subject: Mapped[str] = mapped_column(NAME)
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    previous: Mapped[str] = mapped_column(SHA256)
    hash: Mapped[str] = mapped_column(SHA256)


class AuditHeadRow(Base):
    """One row: the chain's newest link, and the lock that appending takes."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Number)
    hash: Mapped[str] = mapped_column(SHA256)


class PreferenceRow(Base):
    """A setting that people change while the service runs."""

    __tablename__ = "preferences"
    key: Mapped[str] = mapped_column(Words(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_at: Mapped[datetime] = mapped_column(Moment)
