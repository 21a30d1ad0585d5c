"""The phrases that were spotted in calls."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tonewatch.store.columns import Words

revision = "0004"
down_revision = "0003"

_OPTIONS: dict[str, Any] = {
    f"{kind}_{key}": value
    for kind in ("mysql", "mariadb")
    for key, value in {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}.items()
}


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "spotted",
        sa.Column("call_id", Words(64), sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("channel", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("start_s", sa.Double(), primary_key=True),
        sa.Column("phrase", Words(255), primary_key=True),
        sa.Column("end_s", sa.Double(), nullable=False),
        **_OPTIONS,
    )


def downgrade() -> None:
    """Drop it, with all that was spotted."""
    op.drop_table("spotted")
