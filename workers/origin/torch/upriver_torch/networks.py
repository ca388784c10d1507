"""The networks of a plan, with variables in TensorFlow.js's shapes and order; as train/plain-network.ts and ensemble.ts."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .plan import NetworkForm
from .randoms import Dropout
from .variation import Place


class Network(nn.Module):
    """A network under training: everything up to the embedding, and the heads of its members."""

    def __init__(self, form: NetworkForm) -> None:
        super().__init__()
        self.form = form
        self.sizes = [int(np.prod(shape)) for shape in form.shapes]
        # In the order of TensorFlow.js.
        self.variables = nn.ParameterList([nn.Parameter(torch.zeros(shape)) for shape in form.variables])

    def embed(
        self, values: torch.Tensor, sums: List[torch.Tensor], dropout: Optional[Dropout], place: Place
    ) -> torch.Tensor:
        """Computes embeddings [rows, width] of rows of values and the sums of bags."""
        raise NotImplementedError

    def members(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Computes each member's logits [rows, members, classes]."""
        raise NotImplementedError

    def kernels(self) -> List[nn.Parameter]:
        """Lists the variables that L2 and weight decay act on."""
        return [own for own, is_kernel in zip(self.variables, self.form.kernels) if is_kernel]


def build_network(form: NetworkForm) -> Network:
    """Builds a network by its form; its variables are zero."""
    return Ensemble(form) if form.kind == "ensemble" else Plain(form)


class Plain(Network):
    """A feed-forward network with relu; without hidden layers, a linear model."""

    def __init__(self, form: NetworkForm) -> None:
        super().__init__(form)
        self.hidden: List[Dict[str, Any]] = [layer for layer in form.layers if layer["type"] != "bag"]
        self.has_texts = any(own is not None for own in form.buckets)
        self.plain_width = 0
        for size, own in zip(self.sizes, form.buckets):
            if own is not None:
                break
            self.plain_width += size

    def embed(
        self, values: torch.Tensor, sums: List[torch.Tensor], dropout: Optional[Dropout], place: Place
    ) -> torch.Tensor:
        region: Optional[torch.Tensor] = None
        shape = self.form.shapes[0]
        if self.has_texts:
            dropped = [dropout.apply(own, place.first, place.rows) if dropout else own for own in sums]
            plain = [values[:, : self.plain_width]] if self.plain_width > 0 else []
            values = torch.cat(plain + dropped, 1)
            shape = [int(values.shape[1])]
        elif len(self.form.shapes) > 1:
            region = values[:, self.sizes[0] :]
            values = values[:, : self.sizes[0]]
        if len(shape) == 3:
            values = values.reshape([-1] + shape).permute(0, 3, 1, 2)
        weights = iter(self.variables)
        for layer in self.hidden:
            if layer["type"] == "pool":
                values = functional.max_pool2d(values, layer["size"], layer["size"])
            elif layer["type"] == "conv":
                values = functional.relu(_conv_same(values, next(weights), next(weights), layer.get("stride", 1)))
            else:
                values, region = _flat(values, region), None
                values = functional.relu(torch.addmm(*_affine(values, next(weights), next(weights))))
                if dropout:
                    values = dropout.apply(values, place.first, place.rows)
        return _flat(values, region)

    def members(self, embeddings: torch.Tensor) -> torch.Tensor:
        kernel, bias = self.variables[-2], self.variables[-1]
        return torch.addmm(*_affine(embeddings, kernel, bias)).unsqueeze(1)


class Ensemble(Network):
    """Members that share their hidden layers, each with its own factors on the inputs and its own head (TabM-mini)."""

    def embed(
        self, values: torch.Tensor, sums: List[torch.Tensor], dropout: Optional[Dropout], place: Place
    ) -> torch.Tensor:
        size = self.form.members
        factors, first = self.variables[0], self.variables[1]
        inputs, units = first.shape
        kernel = (factors * first.unsqueeze(1)).reshape(inputs, size * units)
        hidden = torch.mm(values, kernel).reshape(-1, units)
        layers = len(self.form.layers)
        for i in range(layers):
            weight, bias = self.variables[1 + 2 * i], self.variables[2 + 2 * i]
            hidden = hidden + bias if i == 0 else torch.addmm(*_affine(hidden, weight, bias))
            hidden = functional.relu(hidden)
            if dropout:
                hidden = dropout.apply(hidden, place.first * size, place.rows * size)
        return hidden.reshape(-1, size * hidden.shape[1])

    def members(self, embeddings: torch.Tensor) -> torch.Tensor:
        kernel, bias = self.variables[-2], self.variables[-1]
        own = embeddings.reshape(-1, self.form.members, kernel.shape[1]).transpose(0, 1)
        return torch.baddbmm(bias.expand(-1, own.shape[1], -1), own, kernel).transpose(0, 1)


def _affine(values: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> "tuple[torch.Tensor, ...]":
    return bias, values, kernel


def _flat(values: torch.Tensor, region: Optional[torch.Tensor]) -> torch.Tensor:
    if values.dim() == 4:
        # In the order of TensorFlow.js: [height, width, channels].
        values = values.permute(0, 2, 3, 1).reshape(values.shape[0], -1)
    return values if region is None else torch.cat([values, region.to(values.dtype)], 1)


def _conv_same(values: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, stride: int) -> torch.Tensor:
    """Convolves with TensorFlow's padding `same`, which is larger at the end than at the start where it is odd."""
    pads: List[int] = []
    for size, own in ((values.shape[3], kernel.shape[1]), (values.shape[2], kernel.shape[0])):
        total = max((-(-size // stride) - 1) * stride + own - size, 0)
        pads += [total // 2, total - total // 2]
    left, right, top, bottom = pads
    weight = kernel.permute(3, 2, 0, 1)
    if left == right and top == bottom:
        return functional.conv2d(values, weight, bias, stride, (top, left))
    return functional.conv2d(functional.pad(values, (left, right, top, bottom)), weight, bias, stride)
