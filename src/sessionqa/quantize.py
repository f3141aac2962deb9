"""The graph of an exported encoder -> one that multiplies 8-bit whole numbers.

Weights become whole numbers with a scale for each output. What they are multiplied with gets one
scale for all texts, measured beforehand on texts that depend on no corpus: a text's vector is the
same whatever stands beside it. Channels that are far larger than others are made smaller and their
weights larger (after SmoothQuant, Xiao et al. 2022), by the factors that lose least. What still
loses too much, or may go far beyond what was measured, is multiplied in two parts, the second for
what the first rounds off.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from sessionqa.exports import GRAPH, WEIGHTS

Floats = NDArray[np.float32]
# What a graph is given for one text: its inputs by their names.
Fed = Mapping[str, NDArray[np.int64]]

MICROSOFT = "com.microsoft"
# The largest whole numbers: of weights, of what is multiplied in one part, and in two. With the
# last no two products overflow 16 bits, where a processor adds them in pairs.
WEIGHT_STEPS, STEPS, HALF_STEPS = 127, 255, 127
# Smoothing makes every channel as large as this quantile of all, if it is larger, by these powers.
QUANTILES, POWERS = (0.5, 0.8), (0.6, 0.8, 1.0)
# What these give cannot grow without bound; anything else goes further for some unusual text.
NORMALISATIONS = {"LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization"}
# So many times as far as what was measured, in one part and in two, whose steps are fine enough.
ROOM, MORE_ROOM = 1.15, 2.0
# The error, as a share of each output's variance, from which a product takes two parts.
MOST_ERROR = 5e-4
# Rows by which the error is measured; tensors whose rows are read in one pass.
ROWS, AT_ONCE = 384, 4


@dataclass(frozen=True, slots=True)
class Product:
    """A tensor times constant weights, and the bias added to it if there is one."""

    source: str
    output: str
    nodes: tuple[onnx.NodeProto, ...]
    weights: Floats
    bias: Floats | None


@dataclass(frozen=True, slots=True)
class Scale:
    """How a tensor becomes whole numbers: (x / smooth - low) / step, in one part or in two."""

    smooth: Floats
    low: float
    high: float
    in_two: bool = False

    @property
    def steps(self) -> int:
        """The largest whole number."""
        return HALF_STEPS if self.in_two else STEPS

    @property
    def step(self) -> np.float32:
        """What the whole number 1 stands for."""
        return np.float32(max(self.high - self.low, 1e-6) / self.steps)

    @property
    def zero(self) -> np.uint8:
        """The whole number that stands for 0."""
        return np.uint8(round(-self.low / float(self.step)))

    def rounded(self, smoothed: Floats) -> Floats:
        """What the first part keeps of rows that are smoothed."""
        whole = np.rint(smoothed / self.step) + self.zero
        kept: Floats = (np.clip(whole, 0, self.steps) - self.zero) * self.step
        return kept


def make_int8(folder: Path, calibrating: Sequence[Fed], held_out: Sequence[Fed]) -> float:
    """Puts an int8 graph in the place of the one in `folder`.

    The texts of `calibrating` give the scales. Returns the mean cosine between the vectors, the
    graph's first output, that either gives for those of `held_out`.
    """
    model = onnx.load(folder / GRAPH)
    by_source = defaultdict(list)
    for product in _products(model.graph):
        by_source[product.source].append(product)
    bounded = {
        name for node in model.graph.node if node.op_type in NORMALISATIONS for name in node.output
    }
    before = _vectors(folder / GRAPH, held_out)
    made: dict[str, list[onnx.NodeProto]] = {}
    constants: list[onnx.TensorProto] = []
    for source, rows in _rows(folder, list(by_source), calibrating):
        products = by_source[source]
        weights = np.concatenate([product.weights for product in products], axis=1)
        scale = _in_one(rows, weights) if source in bounded else None
        scale = scale or _in_two(rows)
        writer = Writer(source, scale, constants)
        made[products[0].nodes[0].output[0]] = writer.nodes(products)
    replaced = [node for products in by_source.values() for p in products for node in p.nodes]
    _replace(model.graph, replaced, made, constants)
    _save(model, folder)
    return float((before * _vectors(folder / GRAPH, held_out)).sum(axis=1).mean())


def _products(graph: onnx.GraphProto) -> list[Product]:
    """Every product with constant weights but the last ones, whose results are the outputs."""
    constants = {constant.name: constant for constant in graph.initializer}
    readers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    found: list[Product] = []
    leading: set[str] = set()
    for node in reversed(graph.node):
        followed = not leading.isdisjoint(node.output)
        is_product = node.op_type == "MatMul" and len(_shape(constants, node.input[1])) == 2
        if is_product and followed:
            found.append(_product(node, readers[node.output[0]], constants))
        if is_product or followed:
            leading.update(filter(None, node.input))
    return found[::-1]


def _product(
    node: onnx.NodeProto, readers: Sequence[onnx.NodeProto], constants: Mapping[str, Any]
) -> Product:
    weights = numpy_helper.to_array(constants[node.input[1]])
    source, output = node.input[0], node.output[0]
    if len(readers) == 1 and readers[0].op_type == "Add":
        [other] = [name for name in readers[0].input if name != output] or [""]
        if _shape(constants, other) == weights.shape[1:]:
            bias = numpy_helper.to_array(constants[other])
            return Product(source, readers[0].output[0], (node, readers[0]), weights, bias)
    return Product(source, output, (node,), weights, None)


def _shape(constants: Mapping[str, Any], name: str) -> tuple[int, ...]:
    return tuple(constants[name].dims) if name in constants else ()


def _rows(
    folder: Path, sources: Sequence[str], texts: Sequence[Fed]
) -> Iterator[tuple[str, Floats]]:
    """What stands in each of these tensors for these texts, a row for each word piece."""
    with TemporaryDirectory(dir=folder) as aside:
        for at in range(0, len(sources), AT_ONCE):
            names = sources[at : at + AT_ONCE]
            model = onnx.load(folder / GRAPH)
            model.graph.output.extend(
                helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
            )
            _save(model, Path(aside))
            session = _session(Path(aside) / GRAPH)
            read = [session.run(names, _wanted(session, fed)) for fed in texts]
            for name, tensors in zip(names, zip(*read, strict=True), strict=True):
                yield name, np.concatenate([t.reshape(-1, t.shape[-1]) for t in tensors])


def _in_two(rows: Floats) -> Scale:
    """Two parts, which are fine enough for channels as they are."""
    even = np.ones(rows.shape[1], dtype=np.float32)
    return replace(_ranged(rows, even, MORE_ROOM), in_two=True)


def _in_one(rows: Floats, weights: Floats) -> Scale | None:
    """The one part by which the product of `rows` and `weights` loses least, if not too much."""
    largest = np.maximum(np.abs(rows).max(axis=0), 1e-5)
    sample = rows[:: max(1, len(rows) // ROWS)]
    exact = sample @ weights
    # Each output counts alike: a few that are far larger than the others would hide them.
    variances = np.maximum(exact.var(axis=0), 1e-12)

    def error(scale: Scale) -> float:
        whole, steps = _whole(weights * scale.smooth[:, None])
        product = scale.rounded(sample / scale.smooth) @ (whole * steps)
        return float((np.square(product - exact).mean(axis=0) / variances).mean())

    ways = [_ranged(rows, np.ones_like(largest), ROOM)]
    for quantile in QUANTILES:
        above = np.maximum(1, largest / np.quantile(largest, quantile)).astype(np.float32)
        ways.extend(_ranged(rows, above**power, ROOM) for power in POWERS)
    best = min(ways, key=error)
    return best if error(best) <= MOST_ERROR else None


def _ranged(rows: Floats, smooth: Floats, room: float) -> Scale:
    """The scale that has room for all of `rows`, and 0."""
    smoothed = rows / smooth
    low, high = min(float(smoothed.min()), 0.0), max(float(smoothed.max()), 0.0)
    return Scale(smooth, room * low, room * high)


def _whole(weights: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Weights as whole numbers, and what the number 1 stands for in each column."""
    steps = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype(np.float32) / WEIGHT_STEPS
    return np.rint(weights / steps).astype(np.int8), steps


class Writer:
    """Writes the nodes that multiply one tensor; what they need is added to `constants`."""

    def __init__(self, source: str, scale: Scale, constants: list[onnx.TensorProto]) -> None:
        self._source, self._scale, self._constants = source, scale, constants

    def nodes(self, products: Sequence[Product]) -> list[onnx.NodeProto]:
        """What stands for these products, all of the same tensor."""
        made, smoothed = self._smooth()
        made += self._parts(smoothed)
        for product in products:
            made += self._product(product)
        return made

    def _smooth(self) -> tuple[list[onnx.NodeProto], str]:
        if (self._scale.smooth == 1).all():
            return [], self._source
        factors = self._constant("smooth", 1 / self._scale.smooth)
        smoothed = self._name("smoothed")
        return [helper.make_node("Mul", [self._source, factors], [smoothed])], smoothed

    def _parts(self, smoothed: str) -> list[onnx.NodeProto]:
        """The whole numbers of the one part, or of both."""
        scale = self._scale
        first = [
            self._name("first"),
            self._constant("first.step", scale.step),
            self._constant("first.zero", scale.zero),
        ]
        made = [helper.make_node("QuantizeLinear", [smoothed, *first[1:]], first[:1])]
        if not scale.in_two:
            return made
        kept, rest = self._name("kept"), self._name("rest")
        # What the first part rounds off is half a step at most, either way.
        step = self._constant("second.step", scale.step / np.float32(HALF_STEPS))
        zero = self._constant("second.zero", np.uint8(HALF_STEPS // 2))
        return [
            *made,
            helper.make_node("DequantizeLinear", first, [kept]),
            helper.make_node("Sub", [smoothed, kept], [rest]),
            helper.make_node("QuantizeLinear", [rest, step, zero], [self._name("second")]),
        ]

    def _product(self, product: Product) -> list[onnx.NodeProto]:
        whole, steps = _whole(product.weights * self._scale.smooth[:, None])
        at = product.output
        weights = [
            self._constant("weights", whole, at),
            self._constant("steps", steps, at),
            self._constant("zeros", np.zeros(len(steps), dtype=np.int8), at),
        ]
        bias = "" if product.bias is None else self._constant("bias", product.bias, at)
        if not self._scale.in_two:
            return [self._multiply("first", weights, bias, at)]
        parts = [self._name("first.product", at), self._name("second.product", at)]
        return [
            self._multiply("first", weights, bias, parts[0]),
            self._multiply("second", weights, "", parts[1]),
            helper.make_node("Add", parts, [at]),
        ]

    def _multiply(self, part: str, weights: list[str], bias: str, output: str) -> onnx.NodeProto:
        whole, steps, zeros = weights
        step, zero = self._name(f"{part}.step"), self._name(f"{part}.zero")
        given = [self._name(part), whole, step, steps, zero, zeros, bias]
        return helper.make_node("MatMulIntegerToFloat", given, [output], domain=MICROSOFT)

    def _constant(self, name: str, value: Any, at: str = "") -> str:
        named = self._name(name, at)
        self._constants.append(numpy_helper.from_array(np.asarray(value), named))
        return named

    def _name(self, name: str, at: str = "") -> str:
        return f"{at or self._source}.int8.{name}"


def _replace(
    graph: onnx.GraphProto,
    replaced: Sequence[onnx.NodeProto],
    made: Mapping[str, Sequence[onnx.NodeProto]],
    constants: Sequence[onnx.TensorProto],
) -> None:
    """Puts the nodes that were made where the first of those that they stand for was."""
    gone = {node.output[0] for node in replaced}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.extend(made.get(node.output[0], ()))
        if node.output[0] not in gone:
            nodes.append(node)
    read = {name for node in nodes for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in read]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *constants])


def _save(model: onnx.ModelProto, folder: Path) -> None:
    """Writes a graph, and its weights beside it: they are mapped into memory, not read."""
    (folder / WEIGHTS).unlink(missing_ok=True)
    onnx.save_model(
        model,
        folder / GRAPH,
        save_as_external_data=True,
        location=WEIGHTS,
        size_threshold=1024,
    )
    # Whoever may read the graph may read its weights.
    (folder / WEIGHTS).chmod((folder / GRAPH).stat().st_mode)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # As it is run later on: docs/decisions/0017.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _vectors(path: Path, texts: Sequence[Fed]) -> Floats:
    """The first output for each text, unit rows."""
    session = _session(path)
    first = session.get_outputs()[0].name
    return np.concatenate([session.run([first], _wanted(session, fed))[0] for fed in texts])


def _wanted(session: Any, fed: Fed) -> dict[str, NDArray[np.int64]]:
    return {value.name: fed[value.name] for value in session.get_inputs()}
