"""Numbers, convolutions, n-grams and parts of batches."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from planned import write_plan
from upriver_torch.augment import vary
from upriver_torch.bags import TermsPlace, list_terms
from upriver_torch.networks import _conv_same
from upriver_torch.plan import read_plan
from upriver_torch.randoms import RANGE, Dropout, draw, draw_on, shuffled, step_seed, step_seeds
from upriver_torch.rows import Rows
from upriver_torch.variation import TermsDropout, Variation


class Randoms(unittest.TestCase):
    """The numbers of workers/origin/random.ts and schedule.ts."""

    def test_are_those_of_the_origin(self) -> None:
        expected = [0.6897749109193683, 0.7727432732935995, 0.21976301027461886]
        np.testing.assert_array_equal(draw(5, 0, 3) / RANGE, expected)
        np.testing.assert_array_equal(draw(5, 1, 2) / RANGE, expected[1:])
        self.assertEqual(shuffled(5, 7).tolist(), [3, 1, 2, 4, 0])
        self.assertEqual(step_seed(5, 1, 2), 2577901769)
        self.assertEqual(step_seed(-5, 1, 2), step_seed(2**32 - 5, 1, 2))

    def test_of_many_seeds_are_those_of_each(self) -> None:
        seeds = step_seeds(9, 0, np.arange(4))
        self.assertEqual(seeds.tolist(), [step_seed(9, 0, step) for step in range(4)])
        np.testing.assert_array_equal(draw(seeds, 2, 3)[1], draw(int(seeds[1]), 2, 3))

    def test_on_a_gpu_are_computed_as_on_the_cpu(self) -> None:
        # The arithmetic of GPUs, here on another kind of device that has it.
        states = [(step * 0x6D2B79F5 + 7) & 0xFFFFFFFF for step in range(1, 4)]
        mixed = []
        for state in states:
            one = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
            two = ((one + (one ^ (one >> 7)) * (one | 61)) & 0xFFFFFFFF) ^ one
            mixed.append(two ^ (two >> 14))
        self.assertEqual(draw_on(torch.device("cpu"), 7, 0, 3).tolist(), mixed)
        if torch.cuda.is_available():
            self.assertEqual(draw_on(torch.device("cuda"), 7, 0, 3).tolist(), mixed)

    def test_of_dropout_are_the_same_for_a_part_of_the_rows(self) -> None:
        ones = torch.ones(10, 7)
        whole = Dropout(0.4, 3)
        first, second = whole.apply(ones, 0, 10), whole.apply(ones, 0, 10)
        part = Dropout(0.4, 3)
        self.assertTrue(torch.equal(part.apply(ones[4:9], 4, 10), first[4:9]))
        self.assertTrue(torch.equal(part.apply(ones[4:9], 4, 10), second[4:9]))
        self.assertFalse(torch.equal(first, second))


class Convolution(unittest.TestCase):
    """TensorFlow's padding `same`, computed by hand."""

    def test_pads_as_tensorflow(self) -> None:
        random = np.random.default_rng(2)
        for height, width, size, stride in ((5, 7, 3, 1), (6, 7, 3, 2), (5, 8, 2, 1), (7, 7, 4, 3), (4, 4, 1, 2)):
            image = random.normal(size=(1, height, width, 2)).astype(np.float32)
            kernel = random.normal(size=(size, size, 2, 3)).astype(np.float32)
            bias = random.normal(size=3).astype(np.float32)
            rows, columns = -(-height // stride), -(-width // stride)
            top = max((rows - 1) * stride + size - height, 0) // 2
            left = max((columns - 1) * stride + size - width, 0) // 2
            expected = np.tile(bias, (rows, columns, 1)).astype(np.float64)
            for y in range(rows):
                for x in range(columns):
                    for dy in range(size):
                        for dx in range(size):
                            at_y, at_x = y * stride + dy - top, x * stride + dx - left
                            if 0 <= at_y < height and 0 <= at_x < width:
                                expected[y, x] += image[0, at_y, at_x] @ kernel[dy, dx]
            values = torch.from_numpy(image).permute(0, 3, 1, 2)
            own = _conv_same(values, torch.from_numpy(kernel), torch.from_numpy(bias), stride)
            np.testing.assert_allclose(own[0].permute(1, 2, 0).numpy(), expected, atol=1e-4)


class Batches(unittest.TestCase):
    """What processes read of a batch."""

    def test_of_parts_are_the_batch(self) -> None:
        image = [3, 4, 2]
        variation = Variation(8, image, (True, 2), 0.4, (24, 2), 0.0)
        values = torch.rand(9, 26, generator=torch.Generator().manual_seed(1))
        whole, drawn = vary(values, 9, 0, variation)
        self.assertEqual(drawn, 9 * 4)
        part, _ = vary(values[5:8], 9, 5, variation)
        self.assertTrue(torch.equal(part, whole[5:8]))

    def test_list_the_n_grams_up_to_the_first_without_weight(self) -> None:
        place = TermsPlace(1, 3, 10)
        values = np.array([[9, 4, 7, 4, 1, 2, 0], [9, 1, 1, 1, 0, 1, 1], [9, 7, 0, 0, 3, 0, 0]], dtype=np.float32)
        terms, drawn = list_terms(values, place, None)
        self.assertEqual((terms.touched.tolist(), terms.starts.tolist(), drawn), ([4, 7], [0, 2, 2, 3], 0))
        self.assertEqual((terms.places.tolist(), terms.weights.tolist()), ([0, 1, 1], [1, 2, 3]))
        part = terms.part(1, 2, torch.device("cpu"))
        self.assertEqual((part.places.tolist(), part.starts.tolist()), ([1], [0, 0]))
        none, drawn = list_terms(values, place, TermsDropout(0.999999, 1, 0))
        self.assertEqual((none.touched.tolist(), none.starts.tolist(), drawn), ([0], [0, 0, 0, 0], 3))

    def test_give_a_process_without_rows_one_that_weighs_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            plan = read_plan(write_plan(Path(folder)))
            rows = Rows(plan.train, 3, torch.device("cpu"))
            batch = rows.batch(np.array([4]), slice(1, 1), [])
            self.assertEqual(batch.weights.tolist(), [0])
            self.assertEqual(batch.total_weight, 1)
