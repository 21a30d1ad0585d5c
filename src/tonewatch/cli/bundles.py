"""`tonewatch bundles`: what is installed, and the card of one."""

from typing import Annotated

import typer


def bundles(
    name: Annotated[
        str | None, typer.Argument(help="An installed bundle, or a folder or zip: show its card.")
    ] = None,
) -> None:
    """List the installed bundles, or show one with its model card.

    For example:

        tonewatch bundles

        tonewatch bundles voice
    """
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.table import Table

    from tonewatch.inference.bundle import installed_bundles, load_bundle

    console = Console(markup=False, emoji=False)  # a bundle of one's own may be called anything
    names = [name] if name is not None else list(installed_bundles())
    if not names:
        typer.echo("No bundle is installed; `tonewatch analyze --bundle PATH` takes one of yours.")
        return
    table = Table("name", "version", "scheme", "labels", "window", "size", "sha256", "licence")
    loaded = [load_bundle(each) for each in names]
    for bundle in loaded:
        info = bundle.info
        table.add_row(
            info.name,
            f"{info.version}, experimental" if info.experimental else info.version,
            info.scheme,
            ", ".join(info.labels),
            f"{info.window_s:g} s every {info.hop_s:g} s",
            f"{len(bundle.model) / 1e6:.1f} MB",
            bundle.sha256[:12],
            info.licence,
        )
    console.print(table)
    if name is not None:
        console.print(Markdown(loaded[0].card or "This bundle has no card."))
    else:
        typer.echo("`tonewatch bundles NAME` shows a bundle's card.")
