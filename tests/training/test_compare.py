import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import TrainingError
from tonewatch.inference.scores import Predictions, joined, uar
from tonewatch.training.compare import compare
from tonewatch.training.compare_page import write_comparison
from tonewatch.training.runs import places_of, read_run
from training.finished import FIT, answers, two_folds, write_run


def test_a_run_is_read_back_calibrated(tmp_path: Path) -> None:
    folds = two_folds(1.0)
    run = read_run(write_run(tmp_path / "voice", folds))
    assert (run.name, run.network, run.leaky) == ("voice", "stream_cnn", False)
    assert run.conditions == ("acted, clean", "acted, telephone")
    came, given = run.folds["speaker-2"]["acted, clean"], folds["speaker-2"]["acted, clean"]
    np.testing.assert_allclose(came.probabilities, given.probabilities)
    assert came.certain.tolist() == (given.confidence >= FIT.threshold).tolist()
    assert run.bundle is None
    assert read_run(tmp_path / "voice", "other").name == "other"


@pytest.mark.parametrize("missing", ["report.json", "speaker-1/answers.npz", "speaker-2/fold.json"])
def test_an_unfinished_run_is_an_error_that_says_what_is_missing(
    tmp_path: Path, missing: str
) -> None:
    folder = write_run(tmp_path / "voice", two_folds(1.0))
    (folder / missing).unlink()
    with pytest.raises(TrainingError, match=missing):
        read_run(folder)
    (folder / missing).write_bytes(b"{}")
    with pytest.raises(TrainingError, match="tonewatch train --out"):
        read_run(folder)


def test_runs_on_the_same_folds_are_compared_wherever_the_corpus_lay(tmp_path: Path) -> None:
    weak = read_run(write_run(tmp_path / "weak", two_folds(0.5)))
    strong = read_run(write_run(tmp_path / "strong", two_folds(2.0, home="/elsewhere/corpus")))
    found = compare([weak, strong])
    assert found.reference.name == "weak"
    assert found.conditions == ("acted, clean", "acted, telephone")
    first, second = found.under("acted, clean")
    assert (first.run, second.run) == ("weak", "strong")
    each = [uar(fold["acted, clean"]) for fold in weak.folds.values()]
    assert first.uar == pytest.approx(np.mean(each))
    assert first.interval is not None and first.interval[0] < first.pooled.uar < first.interval[1]
    versus = found.versus_of(second)
    assert versus is not None and found.versus_of(first) is None
    pooled = [uar(joined([f["acted, clean"] for f in r.folds.values()])) for r in (strong, weak)]
    assert versus.difference.uar == pytest.approx(pooled[0] - pooled[1])
    assert versus.difference.speakers == versus.difference.better == 8
    assert versus.p_corrected == versus.difference.p == 2 / 2**8


def test_three_runs_are_corrected_for_being_two_tests(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / name, two_folds(skill, seed=seed)))
        for name, skill, seed in (("a", 0.5, 0), ("b", 2.0, 1), ("c", 0.5, 2))
    ]
    _, b, c = compare(runs).under("acted, clean")
    versus = compare(runs).versus_of(b)
    assert versus is not None and versus.p_corrected == 2 * versus.difference.p
    other = compare(runs).versus_of(c)
    assert other is not None and other.difference.p > 0.05


def test_other_speakers_folds_or_recordings_are_refused(tmp_path: Path) -> None:
    given = two_folds(1.0)
    base = read_run(write_run(tmp_path / "base", given))

    def refused(name: str, folds: dict, match: str) -> None:  # type: ignore[type-arg]
        other = read_run(write_run(tmp_path / name, folds))
        with pytest.raises(TrainingError, match=match):
            compare([base, other])

    one, two = given["speaker-1"], given["speaker-2"]
    refused("swapped", {"speaker-1": two, "speaker-2": one}, r"speakers in speaker-1.*acted:00")
    refused("short", {"speaker-1": one}, "same folds.*speaker-2.*--first-folds")
    refused("corpora", {"corpus-acted": {**one, **two}}, "same folds")
    fewer = {name: part.rows(np.arange(len(part)) > 0) for name, part in one.items()}
    refused("fewer", {"speaker-1": fewer, "speaker-2": two}, "recordings.*neutral-0.wav")
    other = {"speaker-1": {"emodb, clean": one["acted, clean"]}}
    refused("emodb", other, "corpus that all runs were tested on.*emodb, clean")
    turned = {
        n: {c: replace(p, labels=p.labels[::-1], target=3 - p.target) for c, p in f.items()}
        for n, f in given.items()
    }
    refused("turned", turned, "same order of labels.*neutral, happy, sad, angry and angry, sad")
    labels = ("neutral", "happy", "sad", "fearful")
    renamed = {n: {c: replace(p, labels=labels) for c, p in f.items()} for n, f in given.items()}
    refused("labels", renamed, "same labels.*angry, fearful")


def test_recordings_corrected_between_two_runs_are_refused(tmp_path: Path) -> None:
    given = two_folds(1.0)
    base = read_run(write_run(tmp_path / "base", given, network="wide"))
    part = given["speaker-2"]["acted, clean"]
    # Rows go by speaker and label, five each: the 21st is the second speaker's first neutral one.
    target, speakers = part.target.copy(), list(part.speakers)
    target[20], speakers[0] = 1, "acted:05"
    label, speaker = replace(part, target=target), replace(part, speakers=tuple(speakers))
    for name, came, place, told in (
        (
            "label",
            label,
            "05.neutral-0.wav",
            "is neutral of acted:05 in base and happy of acted:05",
        ),
        ("speaker", speaker, "04.neutral-0.wav", "is neutral of acted:04 in base and neutral of"),
    ):
        folds = {**given, "speaker-2": {**given["speaker-2"], "acted, clean": came}}
        other = read_run(write_run(tmp_path / name, folds))
        with pytest.raises(TrainingError, match=f"{place} {told}"):
            compare([base, other])
        # A random split stands beside the same recordings.
        whole = {"random-1": {"acted, clean": joined([folds["speaker-1"]["acted, clean"], came])}}
        leaky = read_run(
            write_run(tmp_path / f"leaky {name}", whole, leaky=True, network="wide"), "leaky"
        )
        with pytest.raises(TrainingError, match=rf"leaky and base, .* {place}.* in leaky and"):
            compare([base, leaky])


def test_a_corpus_left_out_of_one_run_is_left_out_of_the_comparison(tmp_path: Path) -> None:
    more = {
        name: {**fold, "other, clean": answers(range(90, 93), 1.0, corpus="other")}
        for name, fold in two_folds(1.0).items()
    }
    runs = [read_run(write_run(tmp_path / "more", more))]
    runs.append(read_run(write_run(tmp_path / "less", two_folds(1.0, seed=4))))
    assert compare(runs).conditions == ("acted, clean", "acted, telephone")


def test_fewer_than_two_or_two_of_a_name_are_refused(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", two_folds(1.0)))
    for runs in ([], [run], [run, run]):
        with pytest.raises(TrainingError, match="NAME=DIR"):
            compare(runs)


def test_a_random_split_stands_only_beside_an_honest_run_of_its_network(tmp_path: Path) -> None:
    honest = read_run(write_run(tmp_path / "honest", two_folds(0.5), network="wide"))
    # One random fold: half of the recordings of each speaker.
    whole = answers(range(8), 2.0)
    half = {"random-1": {"acted, clean": whole.rows(np.arange(len(whole)) % 2 == 0)}}
    leaky = read_run(write_run(tmp_path / "leaky", half, leaky=True, network="wide"))
    other = read_run(write_run(tmp_path / "other", half, leaky=True, network="narrow"))
    found = compare([leaky, honest, other])
    assert found.reference is honest
    assert [standing.run for standing in found.standings] == ["honest"] * 2
    assert not found.versus
    beside, alone = found.leaks
    assert (beside.network, beside.honest, beside.leaky) == ("wide", "honest", "leaky")
    assert beside.shared == len(whole) // 2
    assert beside.leaky_uar == pytest.approx(uar(half["random-1"]["acted, clean"]))
    assert beside.honest_uar == pytest.approx(found.standings[0].uar)
    assert beside.flattery is not None and beside.flattery.uar > 0.2
    assert (alone.network, alone.honest, alone.flattery) == ("narrow", None, None)
    with pytest.raises(TrainingError, match="expected a speaker-independent run"):
        compare([leaky, other])


@pytest.mark.parametrize("tested", [range(1), range(2)])
def test_a_part_of_the_speakers_is_found_among_all(tmp_path: Path, tested: range) -> None:
    few = {"speaker-1": {"acted, clean": answers(tested, 0.5, home="/elsewhere")}}
    honest = read_run(write_run(tmp_path / "honest", few, network="wide"))
    whole = {"random-1": {"acted, clean": answers(range(8), 2.0)}}
    leaky = read_run(write_run(tmp_path / "leaky", whole, leaky=True, network="wide"))
    (leak,) = compare([honest, leaky]).leaks
    assert leak.shared == 20 * len(tested)
    assert leak.flattery is not None and leak.flattery.uar > 0.2


def test_the_page_and_its_files(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / "base", two_folds(0.5)), "base <1>"),
        read_run(write_run(tmp_path / "strong", two_folds(2.0))),
        read_run(
            write_run(
                tmp_path / "leaky",
                {"random-1": {"acted, clean": answers(range(8), 3.0)}},
                leaky=True,
            )
        ),
    ]
    page = write_comparison(tmp_path / "out", compare(runs)).read_text("utf-8")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "compare.html", "compare.json", "compare-uar.png", "compare-difference.png",
        "compare-calibration.png", "compare-leak.png",
    }  # fmt: skip
    plain = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert plain["reference"] == "base <1>"
    strong = plain["conditions"]["acted, clean"]["strong"]
    assert f"{strong['uar']:.3f}" in page
    assert f"{strong['versus_reference']['uar']:+.3f}" in page
    assert plain["leaks"][0]["honest"] == "base <1>"
    assert "base &lt;1&gt;" in page and "base <1>" not in page
    assert page.index("Acted speech") < page.index("LEAKY")
    assert page.count("<svg") == 4
    assert not re.search(r'(?:src|href)="(?!#)', page.replace("http://www.w3.org", ""))
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_the_same_runs_give_the_same_comparison(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / n, two_folds(s))) for n, s in (("a", 0.5), ("b", 0.9))]
    assert compare(runs).to_dict() == compare(runs).to_dict()


def test_places_are_those_that_most_recordings_share() -> None:
    def at(*paths: str) -> Predictions:
        n = len(paths)
        return replace(answers(range(1), 0.5).rows(np.arange(n)), paths=paths)

    ours = at("/d/ravdess/Actor_01/a.wav", "/d/emodb/b.wav", "/d/nemo/c.wav")
    theirs = at("/e/emodb/b.wav", "/e/nemo/c.wav")
    mine, their = places_of(ours, theirs)
    assert mine[1:] == their, "the deepest of ours is not among theirs"
    one = at("/e/ravdess/Actor_01/a.wav", "/e/ravdess/Actor_01/b.wav")
    mine, their = places_of(at("/d/Actor_01/a.wav", "/d/Actor_01/b.wav", "/d/Actor_02/a.wav"), one)
    assert mine[:2] == their
