"""`tonewatch train --search`: looks for good settings, and prints how to train with them."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tonewatch.training.material import Material, RunSettings
    from tonewatch.training.search import SearchSpace


def space_to_search(settings: "RunSettings", file: Path | None) -> "SearchSpace":
    """What `--search` searches; refused before anything is made of the recordings."""
    try:
        from tonewatch.training.search import space_of
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            "searching needs Optuna, which is not installed: pip install 'tonewatch[search]'",
            param_hint="--search",
        ) from error
    return space_of(settings, file)


def search_and_tell(
    console: "Console",
    material: "Material",
    settings: "RunSettings",
    space: "SearchSpace",
    out: Path,
    trials: int,
) -> None:
    """Search, tell every trial, and print how to train with what was found."""
    from tonewatch.cli.progress import progress_bar
    from tonewatch.training.search import Trial, search

    with progress_bar("trials", trials) as advance:

        def tell(trial: Trial) -> None:
            advance()
            came = "pruned" if trial.uar is None else f"validation UAR {trial.uar:.3f}"
            best = "" if trial.best is None else f"  best {trial.best:.3f}"
            console.print(
                f"trial {trial.number + 1:3}  {came} after {trial.epochs} epochs{best}  "
                f"{' '.join(trial.pairs)}"
            )

        found = search(material, settings, space, out, trials, on_trial=tell)
    console.print(
        f"best of {found.trials} trials ({found.pruned} pruned): UAR {found.uar:.3f} on the "
        f"validation speakers of {found.fold}. Those tested in the other folds were heard: of "
        f"a run with the same --folds and --seed quote {found.fold} alone, or speakers kept aside. "
        "Train with:"
    )
    console.print("tonewatch train " + " ".join(f"--set {pair}" for pair in found.pairs))
    console.print(f"written to {out / 'search.json'}")
