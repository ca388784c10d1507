"""Encoded rows: memory-mapped arrays, and the batches that are read from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

import numpy as np
import numpy.typing as npt
import torch

from .augment import vary
from .bags import Terms, TermsPlace, list_terms
from .variation import Place, Variation

Indexes = npt.NDArray[np.int64]

# Rows are kept on a GPU where they take at most this share of its free memory.
_RESIDENT_SHARE = 0.4


@dataclass
class Batch:
    """The rows of one step, or those of them that this process computes."""

    # [rows, width]: the inputs' values one after another.
    values: torch.Tensor
    terms: List[Terms]
    # Target probabilities [rows, classes].
    targets: torch.Tensor
    teacher: Optional[torch.Tensor]
    # [rows], -1 for an unlisted region.
    regions: torch.Tensor
    weights: torch.Tensor
    # The weight of all rows of the batch, of which these are some.
    total_weight: float
    place: Place


def _mapped(path: Path) -> torch.Tensor:
    # Copy on write, so that a tensor may be made of it: nothing is read before it is needed.
    return torch.from_numpy(np.load(path, mmap_mode="c"))


class Rows:
    """Rows of one split in memory-mapped files, on a GPU's memory if they fit."""

    def __init__(self, folder: Path, classes: int, device: torch.device) -> None:
        self.device = device
        self.classes = classes
        self.values = _mapped(folder / "values.npy")
        self.rows = int(self.values.shape[0])
        soft = folder / "targets.npy"
        # Numbers have target probabilities, classes an index.
        self.targets = _mapped(soft) if soft.exists() else None
        self.labels = np.load(folder / "labels.npy").astype(np.int64)
        self.regions = np.load(folder / "regions.npy").astype(np.int64)
        self.weights = np.load(folder / "weights.npy").astype(np.float32)
        self.teacher: Optional[torch.Tensor] = None
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if self.values.numel() * 4 < _RESIDENT_SHARE * free:
                self.values = self.values.to(device)

    def weigh_classes(self, class_weights: Optional[List[float]]) -> None:
        """Multiplies each row's weight by its class's."""
        if class_weights is not None:
            self.weights = (self.weights * np.asarray(class_weights, dtype=np.float32)[self.labels]).astype(np.float32)

    def read_teacher(self, path: Path) -> None:
        """Reads the teacher's scores of these rows."""
        self.teacher = _mapped(path)

    def batch(
        self,
        indexes: Indexes,
        part: slice,
        places: List[TermsPlace],
        variation: Optional[Variation] = None,
    ) -> Batch:
        """Reads the rows of a part of the indexes. With a variation their values are varied, as its seed decides."""
        own = indexes[part]
        weights = self.weights[own].copy()
        if len(own) == 0:
            # A process must take part in each step: it computes a row that weighs nothing.
            own, weights = indexes[:1], np.zeros(1, dtype=np.float32)
        first = min(part.start, len(indexes) - 1)
        values = self._take(self.values, own)
        drawn = 0
        if variation is not None:
            values, drawn = vary(values, len(indexes), first, variation)
        terms: List[Terms] = []
        if places:
            # Every process lists the n-grams of all rows: all of them train the same rows of the table.
            whole = self._take(self.values, indexes).cpu().numpy()
            for place in places:
                found, more = list_terms(whole, place, None if variation is None else variation.terms(drawn))
                terms.append(found.part(first, len(own), self.device))
                drawn += more
        labels = torch.from_numpy(self.labels[own])
        targets = (
            torch.nn.functional.one_hot(labels, self.classes).float()
            if self.targets is None
            else self._take(self.targets, own)
        )
        return Batch(
            values=values.to(self.device, non_blocking=True),
            terms=terms,
            targets=targets.to(self.device, non_blocking=True),
            teacher=None if self.teacher is None else self._take(self.teacher, own).to(self.device),
            regions=torch.from_numpy(self.regions[own]).to(self.device),
            weights=torch.from_numpy(weights).to(self.device),
            total_weight=float(self.weights[indexes].sum(dtype=np.float64)),
            place=Place(first, len(indexes)),
        )

    def _take(self, rows: torch.Tensor, indexes: Indexes) -> torch.Tensor:
        return rows.index_select(0, torch.from_numpy(indexes).to(rows.device))
