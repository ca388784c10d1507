"""Mixed precision as on CUDA, here with a CPU's bfloat16: every kind of network computes nearly the loss of float32."""

from __future__ import annotations

import unittest
from typing import Any, Dict, List, Optional

import numpy as np
import torch
from upriver_torch.bags import bags_of, list_terms, sum_terms, terms_places
from upriver_torch.networks import build_network
from upriver_torch.objective import Trainee
from upriver_torch.plan import NetworkForm, Schedule
from upriver_torch.randoms import Dropout
from upriver_torch.rows import Batch
from upriver_torch.variation import Place

ROWS, CLASSES, REGIONS = 12, 3, 2

DENSE: Dict[str, Any] = {"type": "dense", "units": 4}
CONV = [{"type": "conv", "filters": 2, "size": 3, "stride": 2}, {"type": "pool", "size": 2}, DENSE]


def form(
    kind: str, layers: List[Any], shapes: List[List[int]], variables: List[List[int]], **more: Any
) -> NetworkForm:
    """Makes a form whose kernels are the variables of two or more dimensions."""
    buckets: List[Optional[int]] = more.get("buckets", [None] * len(shapes))
    kernels = [len(shape) > 1 for shape in variables]
    return NetworkForm(kind, layers, more.get("members", 1), shapes, buckets, CLASSES, variables, kernels)


FORMS = {
    "linear": form("linear", [], [[5]], [[5, 3], [3]]),
    "convolutions": form(
        "network", CONV, [[8, 8, 1], [2]], [[3, 3, 1, 2], [2], [2 * 2 * 2 + 2, 4], [4], [4, 3], [3]]
    ),
    "ensemble": form(
        "ensemble", [DENSE, DENSE], [[5]], [[5, 2, 1], [5, 4], [4], [4, 4], [4], [2, 4, 3], [2, 1, 3]], members=2
    ),
    "bag": form("network", [{"type": "bag", "units": 4}], [[2, 3]], [[4, 3], [3]], buckets=[9]),
}


class Precision(unittest.TestCase):
    """Each kind of network, with dropout, a teacher and regional heads."""

    def test_of_every_kind_of_network_is_enough(self) -> None:
        for name, own in FORMS.items():
            with self.subTest(name):
                plain, mixed = self._loss(own, False), self._loss(own, True)
                self.assertLess(abs(plain - mixed), 0.03 * plain)

    def _loss(self, own: NetworkForm, is_mixed: bool) -> float:
        random = torch.Generator().manual_seed(4)
        schedule = Schedule(1, 1, ROWS, 0.1, 1, 0.5, 2.0, 0.01, 0.1, 0.2, 0.0, None, (0.5, 0.01))
        trainee = Trainee(build_network(own), schedule, REGIONS)
        for parameter in trainee.parameters():
            parameter.data.copy_(torch.rand(parameter.shape, generator=random) - 0.5)
        width = sum(int(np.prod(shape)) for shape in own.shapes)
        values = torch.rand(ROWS, width, generator=random)
        places = terms_places(own.shapes, own.buckets)
        if places:
            values[:, :3] = torch.floor(values[:, :3] * 9)
        bags = bags_of(own, 1, torch.device("cpu"))
        listed = [list_terms(values.numpy(), place, None)[0].part(0, ROWS, torch.device("cpu")) for place in places]
        taken = [bag.take(terms) for bag, terms in zip(bags, listed)]
        batch = Batch(
            values=values,
            terms=listed,
            targets=torch.eye(CLASSES)[torch.arange(ROWS) % CLASSES],
            teacher=torch.full((ROWS, CLASSES), 1 / CLASSES),
            regions=torch.arange(ROWS) % (REGIONS + 1) - 1,
            weights=torch.ones(ROWS),
            total_weight=float(ROWS),
            place=Place(0, ROWS),
        )
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_mixed):
            sums = [sum_terms(rows, terms) for rows, terms in zip(taken, listed)]
            loss: torch.Tensor = trainee(batch, sums, Dropout(0.2, 3), 1)
        self.assertEqual(loss.dtype, torch.float32)
        loss.backward()
        for parameter in [*trainee.parameters(), *taken]:
            self.assertIsNotNone(parameter.grad)
        return float(loss.detach())
