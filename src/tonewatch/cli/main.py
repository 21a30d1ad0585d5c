"""The command line's entry: finds the commands, and turns our errors into exit codes.

A command is the function of the same name in `tonewatch.cli.NAME` (`try_`, where the name is a word
of Python); its module is imported when it is called or asked for help, so that `analyze` does not
wait for what `train` needs.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from keyword import iskeyword
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_NAMES = (
    "analyze",
    "audit",
    "bundles",
    "compare",
    "corpora",
    "corpus",
    "evaluate",
    "gravity",
    "learn",
    "password",
    "record",
    "serve",
    "simulate",
    "train",
    "transcribe",
    "try",
)

# What a disk that is full or broken says.
_UNWRITTEN = (errno.ENOSPC, errno.EFBIG, errno.EIO)


def _module(name: str) -> str:
    return f"tonewatch.cli.{name}_" if iskeyword(name) else f"tonewatch.cli.{name}"


class _Commands(Mapping[str, Any]):
    """The commands that are there, each loaded when first taken."""

    def __init__(self) -> None:
        self._names = [name for name in _NAMES if find_spec(_module(name))]
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._loaded:
            alone = typer.Typer(
                add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
            )
            module = _module(name)
            alone.command(name)(getattr(import_module(module), module.rpartition(".")[2]))
            self._loaded[name] = typer.main.get_command(alone)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Group(TyperGroup):
    """The commands of `_Commands`, and an exit code for each of our errors."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()  # type: ignore[assignment]

    def invoke(self, ctx: Any) -> Any:
        # Before NumPy is loaded: its linear algebra would have a thread a core, which wait busily
        # for matrices that are too small to share. A live call then takes 2.5 times the CPU.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # names of files may be no UTF-8
                stream.reconfigure(errors="replace")
        from tonewatch.core.errors import BundleError, SchemeError, SettingsError, TonewatchError

        try:
            return super().invoke(ctx)
        except TonewatchError as error:
            typer.echo(f"tonewatch: {error}", err=True)
            wrong_usage = isinstance(error, BundleError | SchemeError | SettingsError)
            raise typer.Exit(2 if wrong_usage else 1) from error
        except OSError as error:  # a terminal is never full: there it was another file
            if error.errno not in _UNWRITTEN or sys.stdout.isatty():
                raise
            typer.echo(
                f"tonewatch: cannot write the standard output: {error.strerror}; make room, or "
                "write elsewhere",
                err=True,
            )
            _drop_stdout()
            raise typer.Exit(1) from error


def _drop_stdout() -> None:
    """Let what waits in the buffer go nowhere; else Python fails once more as it ends."""
    if sys.stdout is sys.__stdout__:  # and not a test's
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from tonewatch import __version__

        typer.echo(f"tonewatch {__version__}")
        raise typer.Exit


@app.callback()
def tonewatch(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Hears emotion in a recording, second by second, and says how sure it is.

    It learnt from acted speech. It is no lie detector, and decides nothing without a person.
    """
