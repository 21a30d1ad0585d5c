"""A stacked ensemble for short rows of numbers: four models, and a regression over their answers.

Linear (logistic regression), quadratic (a Gaussian a class), a perceptron of one layer, and a
forest; a logistic regression reads the logarithms of their probabilities and is fitted on
out-of-fold answers (Wolpert, "Stacked generalization", 1992). Neighbours and support vectors are
left out on purpose: such a model is rows of its table. It knows no labels' names and no sound.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier

from tonewatch.core.errors import TrainingError

INNER = 4
"""Folds for the answers that the upper regression learns from."""

TREES = 60
FLOOR = 1e-3
"""Least probability that is told apart: below, its logarithm says more than a model knows."""

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ensemble:
    """A fitted ensemble.

    Attributes:
        mean: of each number, shape [n_numbers].
        spread: their standard deviation.
        models: linear, quadratic, perceptron, forest; the forest reads numbers as they are.
        upper: reads [n, 4 * n_classes].
    """

    mean: Reals
    spread: Reals
    models: tuple[Any, ...]
    upper: LogisticRegression

    def probabilities(self, x: Reals) -> Reals:
        """Of rows [n, n_numbers], shape [n, n_classes]."""
        return np.asarray(self.upper.predict_proba(_answers(self, x)))


def fit(x: Reals, y: Ints, groups: Ints, seed: int = 0) -> Ensemble:
    """Fit all five; rows of one group are never on both sides of an inner fold.

    Args:
        x: shape [n, n_numbers].
        y: classes from 0, shape [n].
        groups: shape [n].
        seed: of the folds, the perceptron and the forest.
    """
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    held = np.zeros((len(y), 4 * (int(y.max()) + 1)))
    for a, b in StratifiedGroupKFold(INNER, shuffle=True, random_state=seed).split(x, y, groups):
        part = Ensemble(mean, spread, _models(x[a], y[a], mean, spread, seed), LogisticRegression())
        held[b] = _answers(part, x[b])
    upper = LogisticRegression(C=0.1, max_iter=500).fit(held, y)
    return Ensemble(mean, spread, _models(x, y, mean, spread, seed), upper)


def _models(x: Reals, y: Ints, mean: Reals, spread: Reals, seed: int) -> tuple[Any, ...]:
    z = (x - mean) / spread
    perceptron = MLPClassifier((24,), alpha=1.0, solver="lbfgs", max_iter=150, random_state=seed)
    with warnings.catch_warnings():
        # Stopping early is meant: it keeps the weights small.
        warnings.simplefilter("ignore", ConvergenceWarning)
        perceptron.fit(z, y)
    return (
        LogisticRegression(C=0.3, max_iter=500).fit(z, y),
        QuadraticDiscriminantAnalysis(reg_param=0.2).fit(z, y),
        perceptron,
        RandomForestClassifier(TREES, min_samples_leaf=6, random_state=seed).fit(
            x.astype(np.float32), y
        ),
    )


def _answers(ensemble: Ensemble, x: Reals) -> Reals:
    z = (x - ensemble.mean) / ensemble.spread
    *others, forest = ensemble.models
    p = [model.predict_proba(z) for model in others]
    p.append(forest.predict_proba(x.astype(np.float32)))
    return np.asarray(np.log(np.clip(np.concatenate(p, axis=1), FLOOR, 1.0)))


def to_onnx(ensemble: Ensemble, *, input_name: str, output_name: str) -> bytes:
    """The ensemble as an ONNX graph: [batch, n_numbers] -> logits [batch, n_classes], float32.

    Raises:
        TrainingError: the graph and scikit-learn do not agree.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    linear, quadratic, perceptron, _ = ensemble.models
    n, k = len(ensemble.mean), len(linear.classes_)
    nodes, constants = [], []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def real(name: str, value: Any) -> str:
        return constant(name, np.asarray(value, np.float32))

    def node(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    centred = node("Sub", [input_name, real("mean", ensemble.mean)], "centred")
    z = node("Div", [centred, real("spread", ensemble.spread)], "z")

    at = [z, real("linear_w", linear.coef_.T), real("linear_b", linear.intercept_)]
    answers = [node("Softmax", [node("Gemm", at, "linear_z")], "linear_p", axis=1)]

    whitening, offset, level = _gaussians(quadratic, n)
    at = [z, real("gauss_w", whitening), real("gauss_b", offset)]
    white = node("Reshape", [node("Gemm", at, "white"), constant("by_class", [-1, k, n])], "each")
    length = node("ReduceSumSquare", [white], "length", axes=[2], keepdims=0)
    half = node("Mul", [length, real("half", -0.5)], "halved")
    gauss = node("Add", [half, real("level", level)], "gauss_z")
    answers.append(node("Softmax", [gauss], "gauss_p", axis=1))

    (w1, w2), (b1, b2) = perceptron.coefs_, perceptron.intercepts_
    hidden = node("Relu", [node("Gemm", [z, real("w1", w1), real("b1", b1)], "in")], "hidden")
    out = node("Gemm", [hidden, real("w2", w2), real("b2", b2)], "out")
    answers.append(node("Softmax", [out], "perceptron_p", axis=1))

    nodes.append(
        helper.make_node(
            "TreeEnsembleRegressor",
            [input_name],
            ["forest_p"],
            domain="ai.onnx.ml",
            n_targets=k,
            aggregate_function="SUM",
            **_trees(ensemble.models[3]),
        )
    )
    p = node("Concat", [*answers, "forest_p"], "p", axis=1)
    logs = node("Log", [node("Clip", [p, real("floor", FLOOR), real("one", 1.0)], "kept")], "logs")
    upper = [real("upper_w", ensemble.upper.coef_.T), real("upper_b", ensemble.upper.intercept_)]
    node("Gemm", [logs, *upper], output_name)

    real_kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "ensemble",
        [helper.make_tensor_value_info(input_name, real_kind, ["batch", n])],
        [helper.make_tensor_value_info(output_name, real_kind, ["batch", k])],
        constants,
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    _same(ensemble, content, output_name)
    return content


def _gaussians(quadratic: QuadraticDiscriminantAnalysis, n: int) -> tuple[Reals, Reals, Reals]:
    """What makes a Gaussian's exponent of a product: weights [n, k * n], offset, level a class."""
    weights, offsets, levels = [], [], []
    for mean, turn, scale, prior in zip(
        quadratic.means_,
        quadratic.rotations_,
        quadratic.scalings_,
        quadratic.priors_,
        strict=True,
    ):
        white = turn / np.sqrt(scale)
        weights.append(white)
        offsets.append(-mean @ white)
        levels.append(np.log(prior) - 0.5 * np.log(scale).sum())
    return np.concatenate(weights, axis=1), np.concatenate(offsets), np.array(levels)


def _trees(forest: RandomForestClassifier) -> dict[str, Any]:
    """The attributes of a TreeEnsembleRegressor whose targets are the forest's probabilities."""
    table: dict[str, list[Any]] = {
        name: []
        for name in (
            "nodes_treeids",
            "nodes_nodeids",
            "nodes_featureids",
            "nodes_values",
            "nodes_modes",
            "nodes_truenodeids",
            "nodes_falsenodeids",
            "target_treeids",
            "target_nodeids",
            "target_ids",
            "target_weights",
        )
    }
    for number, each in enumerate(forest.estimators_):
        tree = each.tree_
        leaf = tree.children_left < 0
        shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
        count = tree.node_count
        table["nodes_treeids"] += [number] * count
        table["nodes_nodeids"] += range(count)
        table["nodes_featureids"] += np.where(leaf, 0, tree.feature).tolist()
        table["nodes_values"] += np.where(leaf, 0.0, _downwards(tree.threshold)).tolist()
        table["nodes_modes"] += ["LEAF" if end else "BRANCH_LEQ" for end in leaf.tolist()]
        table["nodes_truenodeids"] += np.where(leaf, 0, tree.children_left).tolist()
        table["nodes_falsenodeids"] += np.where(leaf, 0, tree.children_right).tolist()
        for at in np.flatnonzero(leaf).tolist():
            for label in np.flatnonzero(shares[at]).tolist():
                table["target_treeids"].append(number)
                table["target_nodeids"].append(at)
                table["target_ids"].append(label)
                table["target_weights"].append(float(shares[at, label]) / len(forest.estimators_))
    return table


def _downwards(thresholds: Reals) -> Reals:
    """The next lower float32: float32 numbers are then at most it when at most the threshold."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _same(ensemble: Ensemble, content: bytes, output_name: str) -> None:
    import onnxruntime as ort

    rng = np.random.default_rng(0)
    x = ensemble.mean + ensemble.spread * rng.standard_normal((500, len(ensemble.mean)))
    x = x.astype(np.float32).astype(np.float64)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x.astype(np.float32)}
    z = session.run([output_name], feed)[0].astype(np.float64)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    worst = float(np.abs(p / p.sum(axis=1, keepdims=True) - ensemble.probabilities(x)).max())
    if worst > 1e-3:
        raise TrainingError(
            "expected the exported ensemble to answer as the fitted one, they differ by "
            f"{worst:.3g}; look for a model that does not export"
        )
