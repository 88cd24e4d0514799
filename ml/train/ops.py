"""One forward pass, two backends: networks are written against `Ops`, run by JAX to train, recorded as ONNX to ship."""

from __future__ import annotations

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from onnx import TensorProto, helper, numpy_helper
from scipy import special

OPSET = 17
IR_VERSION = 8


class Ops(Protocol):
    """The operations networks may use. Tensors are two-dimensional, rows first, and support + - * / and unary minus."""

    def constant(self, value: Any, name: str) -> Any: ...
    def columns(self, x: Any, indices: list[int]) -> Any: ...
    def concat(self, parts: list[Any]) -> Any: ...
    def matmul(self, x: Any, w: Any) -> Any: ...
    def row_sum(self, x: Any) -> Any: ...
    def clip(self, x: Any, low: float, high: float) -> Any: ...
    def maximum(self, x: Any, y: Any) -> Any: ...
    def minimum(self, x: Any, y: Any) -> Any: ...
    def exp(self, x: Any) -> Any: ...
    def log(self, x: Any) -> Any: ...
    def tanh(self, x: Any) -> Any: ...
    def erf(self, x: Any) -> Any: ...
    def sigmoid(self, x: Any) -> Any: ...
    def softplus(self, x: Any) -> Any: ...


class JaxOps:
    """Runs each operation at once; differentiable and jit-able."""

    def constant(self, value: Any, name: str) -> jax.Array:
        return jnp.asarray(value, dtype=jnp.float32)

    def columns(self, x: jax.Array, indices: list[int]) -> jax.Array:
        return x[:, jnp.asarray(indices)]

    def concat(self, parts: list[jax.Array]) -> jax.Array:
        return jnp.concatenate(parts, axis=1)

    def matmul(self, x: jax.Array, w: jax.Array) -> jax.Array:
        return x @ w

    def row_sum(self, x: jax.Array) -> jax.Array:
        return jnp.sum(x, axis=1, keepdims=True)

    def clip(self, x: jax.Array, low: float, high: float) -> jax.Array:
        return jnp.clip(x, low, high)

    def maximum(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.maximum(x, y)

    def minimum(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.minimum(x, y)

    def exp(self, x: jax.Array) -> jax.Array:
        return jnp.exp(x)

    def log(self, x: jax.Array) -> jax.Array:
        return jnp.log(x)

    def tanh(self, x: jax.Array) -> jax.Array:
        return jnp.tanh(x)

    def erf(self, x: jax.Array) -> jax.Array:
        return erf(x)

    def sigmoid(self, x: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(x)

    def softplus(self, x: jax.Array) -> jax.Array:
        return jax.nn.softplus(x)


class NumpyOps:
    """Runs each operation at once in the precision of its inputs; nothing to compile, so many shapes cost nothing."""

    def constant(self, value: Any, name: str) -> np.ndarray:
        return np.asarray(value)

    def columns(self, x: np.ndarray, indices: list[int]) -> np.ndarray:
        return x[:, indices]

    def concat(self, parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts, axis=1)

    def matmul(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return x @ w

    def row_sum(self, x: np.ndarray) -> np.ndarray:
        return x.sum(axis=1, keepdims=True)

    def clip(self, x: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(x, low, high)

    def maximum(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.maximum(x, y)

    def minimum(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.minimum(x, y)

    def exp(self, x: np.ndarray) -> np.ndarray:
        return np.exp(x)

    def log(self, x: np.ndarray) -> np.ndarray:
        return np.log(x)

    def tanh(self, x: np.ndarray) -> np.ndarray:
        return np.tanh(x)

    def erf(self, x: np.ndarray) -> np.ndarray:
        return special.erf(x)

    def sigmoid(self, x: np.ndarray) -> np.ndarray:
        return special.expit(x)

    def softplus(self, x: np.ndarray) -> np.ndarray:
        return np.logaddexp(x, 0.0)


class Node:
    """A named tensor of the graph under construction; arithmetic on it records a node."""

    def __init__(self, ops: OnnxOps, name: str) -> None:
        self.ops = ops
        self.name = name

    def __add__(self, other: Any) -> Node:
        return self.ops.node("Add", self, other)

    def __radd__(self, other: Any) -> Node:
        return self.ops.node("Add", other, self)

    def __sub__(self, other: Any) -> Node:
        return self.ops.node("Sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self.ops.node("Sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return self.ops.node("Mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return self.ops.node("Mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        return self.ops.node("Div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return self.ops.node("Div", other, self)

    def __neg__(self) -> Node:
        return self.ops.node("Neg", self)


class OnnxOps:
    """Records each operation; `model` closes the recording into an ONNX model."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}

    def _name(self, value: Any) -> str:
        if isinstance(value, Node):
            return value.name
        array = np.asarray(value, dtype=np.float32)
        return self._store(f"k_{array.item()!r}" if array.ndim == 0 else f"k_{len(self.initializers)}", array)

    def _store(self, name: str, array: np.ndarray) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(self, kind: str, *inputs: Any, **attributes: Any) -> Node:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self._name(x) for x in inputs], [name], **attributes))
        return Node(self, name)

    def input(self, name: str) -> Node:
        return Node(self, name)

    def constant(self, value: Any, name: str) -> Node:
        return Node(self, self._store(name, np.asarray(value, dtype=np.float32)))

    def columns(self, x: Node, indices: list[int]) -> Node:
        key = self._store("i_" + "_".join(map(str, indices)), np.asarray(indices, dtype=np.int64))
        return self.node("Gather", x, Node(self, key), axis=1)

    def concat(self, parts: list[Node]) -> Node:
        return self.node("Concat", *parts, axis=1)

    def matmul(self, x: Node, w: Node) -> Node:
        return self.node("MatMul", x, w)

    def row_sum(self, x: Node) -> Node:
        return self.node("ReduceSum", x, Node(self, self._store("axis_1", np.asarray([1], dtype=np.int64))), keepdims=1)

    def clip(self, x: Node, low: float, high: float) -> Node:
        return self.node("Clip", x, low, high)

    def maximum(self, x: Any, y: Any) -> Node:
        return self.node("Max", x, y)

    def minimum(self, x: Any, y: Any) -> Node:
        return self.node("Min", x, y)

    def exp(self, x: Node) -> Node:
        return self.node("Exp", x)

    def log(self, x: Node) -> Node:
        return self.node("Log", x)

    def tanh(self, x: Node) -> Node:
        return self.node("Tanh", x)

    def erf(self, x: Node) -> Node:
        return self.node("Erf", x)

    def sigmoid(self, x: Node) -> Node:
        return self.node("Sigmoid", x)

    def softplus(self, x: Node) -> Node:
        return self.node("Softplus", x)

    def model(self, inputs: dict[str, int], output: Node, width: int, metadata: dict[str, str]) -> Any:
        """Closes the graph: inputs are name -> columns, the one output is `quantiles` with `width` columns."""
        self.nodes.append(helper.make_node("Identity", [output.name], ["quantiles"]))
        graph = helper.make_graph(
            self.nodes,
            "rangekeeper",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n]) for name, n in inputs.items()],
            [helper.make_tensor_value_info("quantiles", TensorProto.FLOAT, ["N", width])],
            list(self.initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "rangekeeper-train"
        helper.set_model_props(model, metadata)
        return model
