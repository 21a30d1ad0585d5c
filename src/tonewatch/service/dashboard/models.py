"""The models: what each was tested on and how well it did, and its card."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.evidence import Evidence, all_evidence, picture_word
from tonewatch.service.dashboard.figures import confusion, curves, reliability
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.parts import Field, Loaded, fact, panel, table, tag
from tonewatch.service.dashboard.visit import Visit


async def build(visit: Visit) -> None:
    """The page."""
    texts = visit.texts

    async def get() -> list[Evidence]:
        return await visit.run(Permission.BUNDLES_READ, all_evidence, visit.state)

    def show(found: list[Evidence]) -> None:
        for evidence in found:
            _model(visit, evidence)

    with frame(visit, "models", texts("models.title")):
        tag("p", texts("models.acted"), "notice")
        Loaded(visit, get, show)


def _model(visit: Visit, evidence: Evidence) -> None:
    texts, info = visit.texts, evidence.bundle.info
    with tag("article", classes="model"):
        with tag("div", classes="page-head"):
            tag("h2", f"{info.name} {info.version}")
            state = "models.active" if evidence.active else "models.installed"
            tag("span", texts(state), "tag")
            if info.experimental:
                tag("span", texts("models.experimental"), "tag experimental")
        if info.experimental:
            tag("p", texts("models.experimental_note"), "notice")
        with tag("div", classes="columns"):
            with tag("div", classes="column-main"):
                _scores(visit, info.metrics, info.experimental)
                _test(visit, evidence)
                _training(visit, evidence)
            with tag("div", classes="column-side"):
                _facts(visit, evidence)
        if evidence.bundle.card:
            with tag("details", classes="panel card-text"):
                tag("summary", texts("models.card"))
                # Its headings are its own; within the page they stand below the model's.
                ui.markdown(_lowered(evidence.bundle.card), extras=["tables"])


def _lowered(card: str) -> str:
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in card.splitlines())


def _scores(visit: Visit, metrics: Mapping[str, Any], experimental: bool) -> None:
    texts = visit.texts
    tested = {name: each for name, each in metrics.items() if _is_scores(each)}
    title = texts("models.scores_any" if experimental else "models.scores")
    with panel(title, level=3, note=texts("models.scores_note")):
        if not tested:
            tag("p", texts("models.no_scores"), "note")
            return
        heads = ("tested_on", "uar", "interval", "wa", "f1", "ece", "n")
        _, row = table(texts("models.scores"), [texts(f"models.{head}") for head in heads])
        for name, each in tested.items():
            with row():
                with tag("th", scope="row"):
                    tag("span", name)
                    if each.get("leaky"):
                        tag("span", texts("models.leaky"), "note leaky")
                tag("td", _percent(each["uar"]), "number strong")
                low_high = each.get("uar_interval") or each.get("uar_interval_by_run")
                between = f"{low_high[0]:.0%} – {low_high[1]:.0%}" if low_high else "–"
                tag("td", between, "number")
                for key in ("wa", "macro_f1", "ece"):
                    tag("td", _percent(each.get(key)), "number")
                tag("td", str(each.get("n", "–")), "number")
        for protocol in dict.fromkeys(str(each.get("protocol", "")) for each in tested.values()):
            if protocol:
                with tag("details", open=experimental):
                    tag("summary", texts("models.protocol"))
                    tag("p", protocol, "note")


def _is_scores(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("uar"), float)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _test(visit: Visit, evidence: Evidence) -> None:
    """Confusion matrix and reliability diagram of one condition at a time."""
    texts = visit.texts
    with panel(texts("models.test"), level=3):
        if not evidence.conditions:
            tag("p", texts("models.no_report"), "note")
            return

        def draw(condition: str) -> None:
            pooled = evidence.conditions[condition]
            place.clear()
            with place:
                confusion(pooled["labels"], pooled["confusion"], texts)
                values = {
                    "ece": _percent(pooled.get("ece")),
                    "share": _percent(pooled.get("certain_share")),
                    "right": _percent(pooled.get("certain_accuracy")),
                }
                tag("p", texts("models.certain", **values), "note")
                source = evidence.pictures.get(f"reliability-{picture_word(condition)}")
                alt = texts("models.reliability", condition=condition)
                if pooled.get("reliability"):
                    tag("h4", texts("models.reliability", condition=condition))
                    reliability(pooled["reliability"], texts, alt)
                elif source:
                    with tag("figure", classes="figure picture"):
                        tag("img", src=source, alt=alt)
                        tag("figcaption", texts("models.reliability_note"), "note")

        async def choose(condition: str) -> None:
            if condition in evidence.conditions:
                draw(condition)

        names = list(evidence.conditions)
        choices = {name: name for name in names}
        Field(texts("models.condition"), names[0], choices=choices, on_change=choose)
        place = tag("div", classes="tested")
        draw(names[0])


def _training(visit: Visit, evidence: Evidence) -> None:
    texts = visit.texts
    if not evidence.folds:
        return
    with panel(texts("models.curves"), level=3, note=texts("models.curves_note")):
        for fold in evidence.folds[:1]:
            curves(fold["history"], fold["best_epoch"], texts)
            with tag("details"):
                tag("summary", texts("models.fold", name=fold["name"]))
                tag("p", fold["protocol"], "note")


def _facts(visit: Visit, evidence: Evidence) -> None:
    texts, info = visit.texts, evidence.bundle.info
    training = info.training
    with panel(texts("models.facts"), level=3), tag("dl", classes="facts"):
        fact(texts("models.labels"), ", ".join(texts.emotion(label) for label in info.labels))
        window = texts("models.window_is", window=f"{info.window_s:g}", hop=f"{info.hop_s:g}")
        fact(texts("models.window"), window)
        fact(texts("recording.threshold"), f"{info.calibration.certain_threshold:.0%}")
        fact(texts("models.languages"), ", ".join(info.languages) or "–")
        fact(texts("models.corpora"), ", ".join(training.get("corpora", ())) or "–")
        fact(texts("models.speakers"), str(len(training.get("speakers", ())) or "–"))
        fact(texts("models.size"), f"{len(evidence.bundle.model) / 1e6:.1f} MB")
        fact(texts("models.licence"), info.licence or "–")
        fact(texts("recording.hash"), evidence.bundle.sha256, "hash")
