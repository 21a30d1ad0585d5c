"""`tonewatch audit`: whether what was written down is still what was written down."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Action(StrEnum):
    """What to do with the audit."""

    VERIFY = "verify"


def audit(
    action: Annotated[Action, typer.Argument(help="verify: walk the whole chain of entries.")],
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE, postgresql://… or mysql://…"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The service's folder, with its database in it.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:HASH", help="A head noted earlier: the chain must lead through it."
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="What was found as JSON.")
    ] = None,
) -> None:
    """Check that no entry of the audit was changed, inserted or deleted.

    Exit code 1 if one was. Note the head that it prints somewhere else, and give it next time:
    without it, nobody can tell that the newest entries were cut off together with the head.

    For example:

        tonewatch audit verify

        tonewatch audit verify --database postgresql://tonewatch@db/tonewatch --head 4711:9f86d0…
    """
    import os
    from dataclasses import asdict
    from datetime import UTC, datetime
    from json import dumps

    from tonewatch.cli.extras import service_packages
    from tonewatch.cli.kept import kept_database
    from tonewatch.cli.output import write
    from tonewatch.core.errors import AuditError

    with service_packages():
        from tonewatch.service.settings import Settings
        from tonewatch.store.audit import Audit, Head

    noted = None if head is None else Head(*_number_and_hash(head))
    settings = Settings.from_environment(os.environ).changed(
        database_url=database, data_dir=data_dir
    )
    with kept_database(settings) as db:
        found = Audit(db, lambda: datetime.now(UTC)).verify(noted)
    if json is not None:
        write(Path(json), dumps(asdict(found), indent=2) + "\n")
    if not found.ok:
        raise AuditError(
            f"expected a whole chain, came a break at entry {found.first_bad}: {found.problem}; "
            "compare with a backup, and find out who may write the database"
        )
    if json != "-":
        typer.echo(f"The audit is whole: {found.n} entries.")
        typer.echo(f"Head, to be noted elsewhere: {found.head.number}:{found.head.hash}")


def _number_and_hash(head: str) -> tuple[int, str]:
    from tonewatch.core.errors import SettingsError

    parts = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", head)
    if parts is None:
        raise SettingsError(
            f"expected --head NUMBER:HASH as `tonewatch audit verify` prints it, came {head!r}"
        )
    return int(parts[1]), parts[2]
