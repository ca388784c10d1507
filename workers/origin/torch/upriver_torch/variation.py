"""How the rows of a training batch are varied at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from .randoms import draw


@dataclass(frozen=True)
class Place:
    """Which rows of a batch a process computes: those from `first` on, of `rows`."""

    first: int
    rows: int


@dataclass(frozen=True)
class TermsDropout:
    """Leaves out a share of n-grams, and scales the others up, so that no few of them decide."""

    share: float
    seed: int
    drawn: int

    def numbers(self, count: int) -> npt.NDArray[np.uint32]:
        """Draws a number for each n-gram."""
        return draw(self.seed, self.drawn, count)


@dataclass(frozen=True)
class Variation:
    """Random changes of a batch's rows, decided by the seed."""

    seed: int
    # The image's [height, width, channels], which come first in a row's values.
    shape: List[int]
    # Mirror or not, and by how many pixels an image is shifted; None for unchanged images.
    augment: Optional[Tuple[bool, int]]
    # The share of rows whose region is hidden, and where the region is; None where it is no input.
    region_dropout: float
    region_columns: Optional[Tuple[int, int]]
    # The share of n-grams that is left out.
    terms_share: float

    def terms(self, drawn: int) -> TermsDropout:
        """Returns the dropout of n-grams, whose numbers follow those that are drawn already."""
        return TermsDropout(self.terms_share, self.seed, drawn)
