"""`tonewatch password`: a one-time link for somebody who cannot sign in, the administrator too."""

from pathlib import Path
from typing import Annotated

import typer


def password(
    name: Annotated[str, typer.Argument(metavar="USER", help="Who sets a new password.")] = "admin",
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE, postgresql://… or mysql://…"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The service's folder, with its database in it.")
    ] = None,
) -> None:
    """Print a link by which a user sets a new password, once.

    For the administrator who has forgotten theirs; all others can ask an administrator. The old
    password holds until the link is used, and the audit says that a link was made. Run it where the
    service runs, with its settings (TONEWATCH_DATABASE_URL or TONEWATCH_DATA_DIR,
    TONEWATCH_PUBLIC_URL).

    For example:

        tonewatch password

        tonewatch password bob --database postgresql://tonewatch@db/tonewatch
    """
    import os
    from datetime import UTC, datetime

    from tonewatch.cli.extras import service_packages
    from tonewatch.cli.kept import kept_database
    from tonewatch.core.errors import NotFoundError

    with service_packages():
        from tonewatch.service.auth.people import People
        from tonewatch.service.settings import Settings
        from tonewatch.store.audit import Audit
        from tonewatch.store.links import OneTimeLinks
        from tonewatch.store.users import Users

    def clock() -> datetime:
        return datetime.now(UTC)

    settings = Settings.from_environment(os.environ).changed(
        database_url=database, data_dir=data_dir
    )
    with kept_database(settings) as db, db.begin():
        users = Users(db, clock)
        user = users.by_name(name)
        if user is None:
            names = ", ".join(each.name for each in users.list())
            raise NotFoundError(f"expected one of {names or 'no users yet'}, came {name!r}")
        if not user.active:
            raise NotFoundError(
                f"expected somebody who may sign in, {user.name} is switched off; an administrator "
                "switches them on"
            )
        people = People(db, users, OneTimeLinks(db, clock), Audit(db, clock), settings)
        user, link = people.new_link(user.id, "command line")
    typer.echo(f"{user.name} sets a password here, once, within {settings.link_h:g} hours:")
    typer.echo(f"  {link}")
