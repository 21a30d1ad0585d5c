"""`tonewatch serve`: the service with its dashboard, until it is told to stop."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[
        str | None, typer.Option(help="Listen on this address; 127.0.0.1 is this machine alone.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Listen on this port; 0 takes a free one.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep recordings and the database in this folder.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE, postgresql://… or mysql://…"),
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="An installed bundle, a folder or zip.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="How browsers reach it, behind a proxy.")
    ] = None,
) -> None:
    """Start the service: dashboard, REST and live calls.

    The first start prints a link by which the administrator sets a password. All settings can come
    from the environment (`TONEWATCH_…`); an option goes before it.

    For example:

        tonewatch serve

        tonewatch serve --port 9000 --data-dir /srv/tonewatch
    """
    import os

    from tonewatch.cli.extras import service_packages

    with service_packages():
        from tonewatch.service.app import create_app
        from tonewatch.service.logs import configure
        from tonewatch.service.server import listen, serve
        from tonewatch.service.settings import Settings
        from tonewatch.service.state import State

    settings = Settings.from_environment(os.environ).changed(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database,
        bundle=bundle,
        public_url=public_url,
    )
    configure(settings.log_level)
    listener = listen(settings)
    settings = settings.changed(port=listener.getsockname()[1])

    def tell(state: State) -> None:
        typer.echo(f"Tonewatch listens on {settings.url} (Ctrl+C stops it).")
        if state.setup_link:
            typer.echo(
                f"First start: set the password of the administrator, admin, here, once, within "
                f"{settings.link_h:g} hours:\n  {state.setup_link}"
            )

    if not serve(create_app(settings), settings, listener, tell):
        raise typer.Exit(1)
