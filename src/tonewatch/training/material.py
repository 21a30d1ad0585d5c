"""What a run is made of: its settings, and the recordings with their frames and answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.core.labels import scheme
from tonewatch.corpora.folds import Fold, parse_folds
from tonewatch.corpora.table import Table, Utterance
from tonewatch.training.batches import Labelling
from tonewatch.training.dataset import Dataset, DatasetSettings, build
from tonewatch.training.loop import TrainSettings
from tonewatch.training.networks.port import Solved, Stepped
from tonewatch.training.window_loop import WindowTraining
from tonewatch.training.windows import WindowDataset, WindowSettings, build_windows


@dataclass(frozen=True)
class WindowRun:
    """What differs where the network hears each window by itself.

    Attributes:
        network: which, with its settings.
        train: how it is trained.
        dataset: windows and copies.
    """

    network: Stepped | Solved
    train: WindowTraining = field(default_factory=WindowTraining)
    dataset: WindowSettings = field(default_factory=WindowSettings)


@dataclass(frozen=True)
class RunSettings:
    """What is trained on what.

    Attributes:
        name: of the bundle.
        scheme: labels that the network learns.
        bundle_scheme: labels that the bundle has, all of them among the learnt ones.
        folds: `speaker:5`, `corpus` or `random:5`.
        first_folds: train and test only so many of the folds; None for all.
        validation: spare speakers in each fold to choose the epoch and to calibrate; if not, they
            teach too, the last epoch is kept, and the other folds' answers calibrate each fold.
        final: train one more network on all speakers and write it as `bundle`.
        start: folder of a finished run whose networks, fold by fold, to begin with; or of one of
            its folds, or a bundle, whose network every fold begins with.
        version: of the bundle.
        licence: of its weights.
        device: `cpu` or `cuda`.
        jobs: processes for features and tests.
        members: so many `stream_cnn` are trained, the others with seeds drawn from the first's,
            and answer together.
        snapshots: each further member goes on from the one before, not from random weights.
        train: how each is trained.
        dataset: its features and copies.
        window: instead of both, a network that hears each window by itself.
    """

    name: str = "mine"
    scheme: str = "ravdess8"
    bundle_scheme: str | None = None
    folds: str = "speaker:5"
    first_folds: int | None = None
    validation: bool = True
    final: bool = True
    start: str | None = None
    version: str = "1"
    licence: str = ""
    device: str = "cpu"
    jobs: int = 2
    members: int = 1
    snapshots: bool = False
    train: TrainSettings = field(default_factory=TrainSettings)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    window: WindowRun | None = None

    @property
    def network(self) -> str:
        """Its name."""
        return "stream_cnn" if self.window is None else self.window.network.name

    @property
    def training(self) -> TrainSettings | WindowTraining:
        """How the network is trained, whichever it is."""
        return self.train if self.window is None else self.window.train


@dataclass(frozen=True)
class Material:
    """Recordings, their frames and their answers.

    Attributes:
        utterances: labelled ones first, in the order of the folds' numbers, then unlabelled ones.
        n_labelled: how many are labelled.
        groups: names of the corpora, song apart from speech.
        left_out: recordings without a label in the scheme, by emotion word.
        untaught: labels of the scheme that no recording has: the bundle never answers them.
        noises: recordings to mix in.
    """

    utterances: tuple[Utterance, ...]
    n_labelled: int
    groups: tuple[str, ...]
    labelling: Labelling
    dataset: Dataset | WindowDataset
    left_out: Mapping[str, int]
    untaught: frozenset[str]
    noises: tuple[Path, ...]

    @property
    def labelled(self) -> tuple[Utterance, ...]:
        """The recordings with a label."""
        return self.utterances[: self.n_labelled]

    def group(self, index: int) -> str:
        """Name of the group of one recording."""
        return self.groups[int(self.labelling.corpus[index])]

    def usable(self, chosen: Sequence[int]) -> list[int]:
        """Those of `chosen` whose sound could be read."""
        return [i for i in chosen if self.dataset.length[i, 0] > 0]

    def speakers(self, chosen: Sequence[int]) -> list[str]:
        """Whose voices the recordings `chosen` are, sorted."""
        return sorted({self.utterances[i].speaker for i in chosen})


def group_of(utterance: Utterance) -> str:
    """The corpus, with another channel than speech (RAVDESS's song) as a corpus of its own."""
    channel = utterance.extra.get("channel", "speech")
    return utterance.corpus if channel == "speech" else f"{utterance.corpus}_{channel}"


def gather(
    table: Table, unlabelled: Table, noise: Table, settings: RunSettings, cache: Path
) -> Material:
    """Label the recordings, and make or open their frames.

    Args:
        table: labelled corpora.
        unlabelled: speech for the speech head alone.
        noise: sounds to mix in, and for the speech head to learn what is not speech.
        settings: of the run.
        cache: folder for frames.

    Raises:
        TrainingError: `table` has recordings of fewer than two labels of the bundle.
        CorpusError: it cannot be divided as the settings say.
        SettingsError: the bundle is to have labels that are not learnt.
    """
    labels = scheme(settings.scheme).labels
    kept = scheme(settings.bundle_scheme or settings.scheme).labels
    if strange := [label for label in kept if label not in labels]:
        raise SettingsError(
            f"expected a bundle's labels among those of {settings.scheme} ({', '.join(labels)}), "
            f"{settings.bundle_scheme} has {', '.join(strange)} too; choose another scheme"
        )
    labelled = table.labelled(scheme(settings.scheme))
    untaught = frozenset(labels).difference(labelled.labels)
    if len(set(kept) - untaught) < 2:
        raise TrainingError(
            f"expected recordings of two labels or more of {settings.scheme} "
            f"({', '.join(labels)}), came {dict(Counter(labelled.labels)) or 'none'}, and without "
            f"a label {dict(labelled.left_out) or 'none'}; choose another scheme or corpus"
        )
    folds_of(labelled.utterances, settings)  # before the long work, in vain if that cannot be
    # Babble is speech, though nobody can be understood: it is mixed in, not taught as silence.
    silent = [u for u in noise.utterances if "babble" not in u.path.name]
    utterances = (*labelled.utterances, *unlabelled.utterances, *silent)
    if settings.window is not None:  # without a speech head only labels teach
        utterances = labelled.utterances
    groups = tuple(sorted({group_of(u) for u in utterances}))
    corpus = np.array([groups.index(group_of(u)) for u in utterances])
    target = np.full(len(utterances), -1, np.int64)
    target[: len(labelled.labels)] = [labels.index(label) for label in labelled.labels]
    allowed = np.zeros((len(groups), len(labels)), bool)
    allowed[corpus[target >= 0], target[target >= 0]] = True
    noises = tuple(u.path for u in noise.utterances)
    dataset = _dataset(utterances, noises, settings, cache)
    return Material(
        utterances,
        len(labelled.utterances),
        groups,
        Labelling(target, corpus, allowed),
        dataset,
        labelled.left_out,
        untaught,
        noises,
    )


def folds_of(labelled: Sequence[Utterance], settings: RunSettings) -> Sequence[Fold]:
    """The folds that the run trains and tests.

    Raises:
        CorpusError: the recordings cannot be divided as the settings say.
        SettingsError: without validation there are no other folds to calibrate by.
    """
    plan = parse_folds(settings.folds)
    seed = settings.training.seed
    folds = plan.folds(labelled, seed=seed, validation=settings.validation)
    folds = folds[: settings.first_folds]
    if not settings.validation and len(folds) < 2:
        raise SettingsError(
            "expected two folds or more without validation, as the others calibrate each, came one"
        )
    return folds


def _dataset(
    utterances: Sequence[Utterance], noises: Sequence[Path], settings: RunSettings, cache: Path
) -> Dataset | WindowDataset:
    window = settings.window
    if window is None:
        return build(utterances, noises, settings.dataset, cache, jobs=settings.jobs)
    return build_windows(
        utterances, noises, window.network, window.dataset, cache, jobs=settings.jobs
    )
