"""Embedding bags of n-grams: a table of which only the rows that a step touches are trained; as train/bag.ts does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
import numpy.typing as npt
import torch

from .plan import NetworkForm
from .randoms import RANGE, draw, is_below, step_seeds
from .variation import TermsDropout

_BETAS = (0.9, 0.999)
_EPSILON = 1e-7
# The largest initial value of a row.
_INITIAL_SIZE = 0.1


@dataclass(frozen=True)
class TermsPlace:
    """Where a row of values holds the n-grams of a bag: `terms` buckets from `offset` on, then their weights."""

    offset: int
    terms: int
    buckets: int


def terms_places(shapes: List[List[int]], buckets: List[Optional[int]]) -> List[TermsPlace]:
    """Finds the texts among a network's inputs."""
    places, offset = [], 0
    for shape, own in zip(shapes, buckets):
        if own is not None:
            places.append(TermsPlace(offset, shape[1], own))
        offset += int(np.prod(shape))
    return places


@dataclass(frozen=True)
class Terms:
    """The n-grams of some rows. `touched` are the buckets of the whole batch, so that all processes train the same rows."""

    touched: torch.Tensor
    # For each n-gram its place in `touched` and its weight; for each row where its n-grams begin.
    places: torch.Tensor
    weights: torch.Tensor
    starts: torch.Tensor


@dataclass(frozen=True)
class BatchTerms:
    """The n-grams of a whole batch."""

    touched: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]

    def part(self, first: int, rows: int, device: torch.device) -> Terms:
        """Returns the n-grams of some rows."""
        begin, end = int(self.starts[first]), int(self.starts[first + rows])
        return Terms(
            touched=torch.from_numpy(self.touched).to(device),
            places=torch.from_numpy(self.places[begin:end]).to(device),
            weights=torch.from_numpy(self.weights[begin:end]).to(device),
            starts=torch.from_numpy(self.starts[first : first + rows] - begin).to(device),
        )


def list_terms(
    values: npt.NDArray[np.float32], place: TermsPlace, dropout: Optional[TermsDropout]
) -> Tuple[BatchTerms, int]:
    """Lists the n-grams in rows of values [rows, width]; returns how many numbers the dropout draws."""
    own = values[:, place.offset : place.offset + 2 * place.terms]
    buckets, weights = own[:, : place.terms], own[:, place.terms :]
    # A row's n-grams end at the first weight of zero.
    is_term = np.logical_and.accumulate(weights != 0, axis=1)
    found = int(is_term.sum())
    kept_weights = weights
    drawn = 0
    if dropout is not None:
        drawn = found
        kept = np.zeros_like(is_term)
        kept[is_term] = ~is_below(dropout.numbers(found), dropout.share)
        is_term = kept
        kept_weights = (weights / (1 - dropout.share)).astype(np.float32)
    # A bag of nothing touches one row with nothing, as in TensorFlow.js.
    touched, places = np.unique(buckets[is_term].astype(np.int64), return_inverse=True)
    if len(touched) == 0:
        touched = np.zeros(1, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(is_term.sum(axis=1))]).astype(np.int64)
    return BatchTerms(touched, places.astype(np.int64), kept_weights[is_term], starts), drawn


class EmbeddingBag:
    """The table of an embedding bag [buckets, units], and its moments."""

    def __init__(self, buckets: int, units: int, seed: int, device: torch.device) -> None:
        self.units = units
        self.seed = seed
        self.values = torch.zeros(buckets, units, device=device)
        self.first = torch.zeros(buckets, units, device=device)
        self.second = torch.zeros(buckets, units, device=device)
        self.steps = 0

    def take(self, terms: Terms) -> torch.Tensor:
        """Takes the rows that a training step touches, as a leaf that has a gradient afterwards; `learn` ends the step."""
        self._start(terms.touched)
        return self.values[terms.touched].clone().requires_grad_()

    def rows_of(self, terms: Terms) -> torch.Tensor:
        """Returns the touched rows, without training them."""
        return self.values[terms.touched]

    def learn(self, terms: Terms, gradient: torch.Tensor, rate: float, decay: float) -> None:
        """Steps the taken rows with lazy AdamW along their gradient: moments of other rows stand still."""
        self.steps += 1
        one, two = 1 - _BETAS[0] ** self.steps, 1 - _BETAS[1] ** self.steps
        at = terms.touched
        mean = _BETAS[0] * self.first[at] + (1 - _BETAS[0]) * gradient
        square = _BETAS[1] * self.second[at] + (1 - _BETAS[1]) * gradient * gradient
        self.first[at] = mean
        self.second[at] = square
        step = (rate / one) * mean / ((square / two).sqrt() + _EPSILON)
        self.values[at] = (1 - rate * decay) * self.values[at] - step

    def _start(self, touched: torch.Tensor) -> None:
        # Drawn when first touched: hidden layers learn nothing from zeros, and unseen n-grams must add nothing.
        new = touched[(self.values[touched] == 0).all(dim=1)].cpu().numpy()
        if len(new) == 0:
            return
        numbers = draw(step_seeds(self.seed, 0, new), 0, self.units).astype(np.float64) / RANGE
        rows = torch.from_numpy((_INITIAL_SIZE * (2 * numbers - 1)).astype(np.float32)).to(self.values.device)
        self.values[torch.from_numpy(new).to(self.values.device)] = rows


def sum_terms(rows: torch.Tensor, terms: Terms) -> torch.Tensor:
    """Computes Σ weight · table[place] for each row [rows, units]."""
    return torch.nn.functional.embedding_bag(
        terms.places, rows, terms.starts, mode="sum", per_sample_weights=terms.weights
    )


def bags_of(form: NetworkForm, seed: int, device: torch.device) -> List[EmbeddingBag]:
    """Creates the tables of a network's bags."""
    own = [buckets for buckets in form.buckets if buckets is not None]
    return [EmbeddingBag(buckets, int(form.layers[0]["units"]), seed, device) for buckets in own]
