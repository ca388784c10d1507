"""Interrupted trainings, and what they leave in their folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from planned import write_plan
from upriver_torch.fit import Fit, Stopped
from upriver_torch.main import INTERRUPTED, main
from upriver_torch.plan import read_plan
from upriver_torch.processes import Processes
from upriver_torch.state import read_checkpoint

PROGRAM = Path(sys.path[-1]) / "train.py"


class Training(unittest.TestCase):
    """Each test has a folder of its own."""

    def setUp(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)

    def tearDown(self) -> None:
        self.temporary.cleanup()

    def test_leaves_a_result_that_is_not_computed_again(self) -> None:
        own = write_plan(self.folder)
        self.assertEqual(main([str(own)]), 0)
        result = json.loads((own / "result.json").read_text())
        self.assertEqual([epoch["epoch"] for epoch in result["history"]], [1, 2, 3, 4, 5, 6])
        self.assertLess(result["validationLoss"], 1.0)
        written = (own / "result.npy").stat().st_mtime_ns
        self.assertEqual(main([str(own)]), 0)
        self.assertEqual((own / "result.npy").stat().st_mtime_ns, written)
        self.assertEqual([path.name for path in own.glob("*.part")], [])

    def test_stops_at_its_patience_with_the_best_weights(self) -> None:
        own = write_plan(self.folder, learningRate=3.0, epochs=40, patience=2)
        main([str(own)])
        result = json.loads((own / "result.json").read_text())
        losses = [epoch["validationLoss"] for epoch in result["history"]]
        self.assertLess(len(losses), 40)
        self.assertEqual(losses.index(min(losses)), len(losses) - 3)
        self.assertEqual(result["validationLoss"], min(losses))

    def test_continues_after_each_stop_to_the_bits_of_an_unbroken_run(self) -> None:
        whole = write_plan(self.folder / "whole")
        main([str(whole)])
        own = write_plan(self.folder / "broken")
        stops = 0
        while stops < 5:
            fit = Fit(read_plan(own), Processes("cpu"))
            fit.resume()
            # As a signal would, at the next look.
            fit.processes.is_stopping = True
            with self.assertRaises(Stopped):
                fit.run()
            stops += 1
        main([str(own)])
        np.testing.assert_array_equal(np.load(own / "result.npy"), np.load(whole / "result.npy"))

    def test_ends_as_interrupted_with_a_checkpoint_at_a_signal(self) -> None:
        own = write_plan(self.folder, epochs=100_000, patience=100_000)
        training = subprocess.Popen([sys.executable, str(PROGRAM), str(own)])
        while not (own / "checkpoint.pt").exists():
            self.assertIsNone(training.poll())
        training.send_signal(signal.SIGTERM)
        self.assertEqual(training.wait(30), INTERRUPTED)
        self.assertIsNotNone(read_checkpoint(read_plan(own)))
        self.assertFalse((own / "result.json").exists())

    def test_ends_as_done_without_a_result_when_the_origin_stops_it(self) -> None:
        own = write_plan(self.folder)
        (own / "stop").write_text("")
        self.assertEqual(main([str(own)]), 0)
        self.assertFalse((own / "result.json").exists())

    def test_ends_when_the_process_that_started_it_is_gone(self) -> None:
        own = write_plan(self.folder, epochs=100_000, patience=100_000)
        starter = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        environment = {**os.environ, "UPRIVER_WATCH_PID": str(starter.pid)}
        training = subprocess.Popen([sys.executable, str(PROGRAM), str(own)], env=environment)
        while not (own / "checkpoint.pt").exists():
            self.assertIsNone(training.poll())
        starter.kill()
        starter.wait()
        self.assertEqual(training.wait(30), 1)

    def test_starts_over_from_a_damaged_checkpoint_and_from_another_plan_s(self) -> None:
        own = write_plan(self.folder)
        plan = read_plan(own)
        (own / "checkpoint.pt").write_bytes(b"nonsense")
        self.assertIsNone(read_checkpoint(plan))
        main([str(own)])
        self.assertIsNotNone(read_checkpoint(plan))
        other = json.loads((own / "plan.json").read_text())
        (own / "plan.json").write_text(json.dumps({**other, "fingerprint": "two"}))
        self.assertIsNone(read_checkpoint(read_plan(own)))

    def test_says_which_loss_is_not_finite(self) -> None:
        own = write_plan(self.folder)
        values = np.load(self.folder / "rows-train" / "values.npy")
        values[3, 2] = np.inf
        np.save(self.folder / "rows-train" / "values.npy", values)
        with self.assertRaises(SystemExit):
            main([str(own)])
        failure = json.loads((own / "failure.json").read_text())
        self.assertIn("Lower the recipe's learningRate", failure["reason"])

    def test_says_that_a_validation_loss_is_not_finite(self) -> None:
        own = write_plan(self.folder)
        np.save(self.folder / "rows-held" / "weights.npy", np.zeros(120, dtype=np.float32))
        with self.assertRaises(SystemExit):
            main([str(own)])
        self.assertIn("validation loss of 'full' became nan", json.loads((own / "failure.json").read_text())["reason"])

    def test_refuses_a_plan_of_another_format(self) -> None:
        own = write_plan(self.folder)
        other = json.loads((own / "plan.json").read_text())
        (own / "plan.json").write_text(json.dumps({**other, "format": "upriver-torch/9"}))
        with self.assertRaisesRegex(SystemExit, "upriver-torch/9"):
            main([str(own)])
