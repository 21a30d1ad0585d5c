"""Triage: what was said, the rules by version, and what was shown when somebody decided."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tonewatch.store.columns import Json, LongText, Moment, Number, Words

revision = "0003"
down_revision = "0002"

_OPTIONS: dict[str, Any] = {
    f"{kind}_{key}": value
    for kind in ("mysql", "mariadb")
    for key, value in {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}.items()
}


def upgrade() -> None:
    """Make the tables, and the column."""
    op.create_table(
        "transcript",
        sa.Column("call_id", Words(64), sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("channel", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("start_s", sa.Double(), primary_key=True),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("recognised", sa.Boolean(), nullable=False),
        sa.Column("words", Json(), nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "policies",
        sa.Column("id", Number, primary_key=True),
        sa.Column("version", Words(64), nullable=False, index=True),
        sa.Column("sha256", Words(64), nullable=False),
        sa.Column("text", LongText(), nullable=False),
        sa.Column("actor", Words(255), nullable=False),
        sa.Column("set_at", Moment(), nullable=False),
        **_OPTIONS,
    )
    op.add_column("decisions", sa.Column("shown", Json(), nullable=True))


def downgrade() -> None:
    """Drop them, with all that was said."""
    op.drop_column("decisions", "shown")
    op.drop_table("policies")
    op.drop_table("transcript")
