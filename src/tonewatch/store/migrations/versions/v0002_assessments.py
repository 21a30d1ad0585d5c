"""Assessments: how urgent a call was at a moment, and whether to check it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tonewatch.store.columns import Json, Number, Words

revision = "0002"
down_revision = "0001"

_OPTIONS: dict[str, Any] = {
    f"{kind}_{key}": value
    for kind in ("mysql", "mariadb")
    for key, value in {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}.items()
}


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "assessments",
        sa.Column("id", Number, primary_key=True),
        sa.Column("call_id", Words(64), sa.ForeignKey("calls.id"), nullable=False, index=True),
        sa.Column("at_s", sa.Double(), nullable=False),
        sa.Column("kind", Words(16), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("band", Words(32), nullable=False),
        sa.Column("contributions", Json(), nullable=False),
        sa.Column("policy_version", Words(64), nullable=False),
        **_OPTIONS,
    )


def downgrade() -> None:
    """Drop it, with all assessments."""
    op.drop_table("assessments")
