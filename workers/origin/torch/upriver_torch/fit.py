"""Trains the network of a plan with AdamW, and returns the weights of the epoch with the lowest validation loss."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, List, Optional

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from .bags import EmbeddingBag, bags_of, sum_terms, terms_places
from .files import cut_array
from .networks import build_network
from .objective import Trainee
from .plan import Plan
from .processes import Processes
from .randoms import Dropout, shuffled, step_seed
from .rows import Batch, Rows
from .state import PROGRESS_SECONDS, State, read_checkpoint, report_progress, save_checkpoint
from .variation import Variation

# Steps between two looks at losses, time and signals, for which a GPU and the other processes are waited for.
_LOOK_EVERY_STEPS = 16
_VALIDATION_ROWS = 512
# The learning rate falls along a half cosine to this share of itself.
_FINAL_RATE_SHARE = 0.05


class Stopped(Exception):
    """The training was told to stop, and has saved a checkpoint."""

    def __init__(self, by_signal: bool) -> None:
        super().__init__()
        self.by_signal = by_signal


def rate_factor(progress: float) -> float:
    """Returns the factor on the learning rate when a share of the epochs is done."""
    return _FINAL_RATE_SHARE + ((1 - _FINAL_RATE_SHARE) * (1 + math.cos(math.pi * progress))) / 2


class Fit:
    """A training in progress."""

    def __init__(self, plan: Plan, processes: Processes, on_epoch: Optional[Callable[["Fit"], None]] = None) -> None:
        self.plan = plan
        self.processes = processes
        self.on_epoch = on_epoch
        device = self.device = processes.device
        form, schedule = plan.network, plan.schedule
        self.train = Rows(plan.train, form.classes, device)
        self.train.weigh_classes(plan.class_weights)
        if plan.teacher is not None:
            self.train.read_teacher(plan.teacher)
        self.validation = Rows(plan.validation, form.classes, device)
        weights = plan.class_weights
        self.offsets = None if weights is None else torch.log(torch.tensor(weights, device=device))
        self.places = terms_places(form.shapes, form.buckets)
        self.bags = bags_of(form, schedule.seed, device)
        network = build_network(form)
        self._start(network.variables)
        self.trainee = Trainee(network, schedule, plan.region_count).to(device)
        self.network = self.trainee.network
        self.wrapped: Any = DistributedDataParallel(self.trainee) if processes.count > 1 else self.trainee
        kernels = self.network.kernels()
        others = [own for own in self.trainee.parameters() if not any(own is kernel for kernel in kernels)]
        groups: List[Dict[str, Any]] = [
            {"params": kernels, "weight_decay": schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, eps=1e-7)
        self.is_mixed = device.type == "cuda" and plan.precision == "auto"
        self.half = torch.bfloat16 if self.is_mixed and torch.cuda.is_bf16_supported() else torch.float16
        # bfloat16 has the range of float32, and needs no scaling.
        self.scaler = torch.cuda.amp.GradScaler(enabled=self.is_mixed and self.half == torch.float16)
        self.state = State()
        self.best: List[torch.Tensor] = []
        self.best_tables: List[torch.Tensor] = []
        self.started_at = time.monotonic()
        self.saved_at = time.monotonic()
        self.reported_at = 0.0
        self.loss_sum = torch.zeros((), device=device)

    def resume(self) -> None:
        """Continues from the checkpoint, if there is one of this plan."""
        # Only one process reads it: another machine may see an older one on a mounted bucket.
        saved = self.processes.shared(read_checkpoint(self.plan) if self.processes.is_first else None)
        if saved is None:
            return
        self.state = State(**saved["state"])
        values = saved["values"]
        self.trainee.load_state_dict(values["trainee"])
        self.optimizer.load_state_dict(values["optimizer"])
        self.scaler.load_state_dict(values["scaler"])
        self.best = [own.to(self.device) for own in values["best"]]
        self.best_tables = [own.to(self.device) for own in values["best_tables"]]
        for bag, (table, first, second, steps) in zip(self.bags, values["bags"]):
            bag.values, bag.first, bag.second = (own.to(self.device) for own in (table, first, second))
            bag.steps = steps

    def run(self) -> None:
        """Trains to the end. Raises `Stopped` when it was told to stop."""
        state, schedule = self.state, self.plan.schedule
        while not state.is_finished and not state.is_cut_short:
            if state.epoch >= schedule.epochs or state.waited >= schedule.patience:
                break
            self._run_epoch()
        if not state.is_finished:
            state.is_finished = True
            self._save()

    def result(self) -> List[torch.Tensor]:
        """Lists the best weights: variables, then tables."""
        variables = self.best or [own.detach() for own in self.network.variables]
        tables = self.best_tables or [bag.values for bag in self.bags]
        return list(variables) + list(tables)

    @property
    def elapsed(self) -> float:
        """Training seconds so far."""
        return self.state.seconds + time.monotonic() - self.started_at

    def _start(self, variables: torch.nn.ParameterList) -> None:
        form = self.plan.network
        tables = [list(bag.values.shape) for bag in self.bags]
        values = cut_array(np.load(self.plan.start), form.variables + tables)
        for variable, own in zip(variables, values):
            variable.data.copy_(own)
        for bag, own in zip(self.bags, values[len(form.variables) :]):
            bag.values.copy_(own)
        self.masks: List[torch.Tensor] = []
        if self.plan.masks is not None:
            masks = cut_array(np.load(self.plan.masks).astype(np.float32), form.variables)
            self.masks = [mask.to(self.device) for mask in masks]

    def _run_epoch(self) -> None:
        state, schedule, rows = self.state, self.plan.schedule, self.train.rows
        rate = schedule.learning_rate * rate_factor(state.epoch / schedule.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        order = shuffled(rows, step_seed(schedule.seed, state.epoch, 0))
        batches = -(-rows // schedule.batch_size)
        # At once: who waits learns that the training has begun.
        self._report(batches)
        for step in range(state.step, batches):
            indexes = order[step * schedule.batch_size : (step + 1) * schedule.batch_size]
            self._take_step(indexes, rate)
            state.step += 1
            if state.step % _LOOK_EVERY_STEPS == 0 or state.step == batches:
                self._look(batches)
                if state.is_cut_short:
                    break
        validation_loss = self._validation_loss()
        self._check_finite("validation loss", validation_loss)
        loss = state.loss_sum / min(rows, state.step * schedule.batch_size)
        epoch = {"epoch": state.epoch + 1, "loss": loss, "validationLoss": validation_loss, "learningRate": rate}
        state.history.append(epoch)
        self._report(batches)
        self._keep_best(validation_loss)
        state.epoch, state.step, state.loss_sum = state.epoch + 1, 0, 0.0
        self._save()
        if self.on_epoch:
            self.on_epoch(self)

    def _take_step(self, indexes: "np.ndarray[Any, np.dtype[np.int64]]", rate: float) -> None:
        schedule, state = self.plan.schedule, self.state
        seed = step_seed(schedule.seed, state.epoch, state.step + 1)
        batch = self.train.batch(indexes, self.processes.part_of(len(indexes)), self.places, self._variation(seed))
        dropout = Dropout(schedule.dropout, seed) if schedule.dropout > 0 else None
        taken = [bag.take(terms) for bag, terms in zip(self.bags, batch.terms)]
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            sums = [sum_terms(rows, terms) for rows, terms in zip(taken, batch.terms)]
            loss: torch.Tensor = self.wrapped(batch, sums, dropout, self.processes.count)
        self.scaler.scale(loss).backward()
        self._learn_bags(batch, taken, rate)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.masks:
            with torch.no_grad():
                for variable, mask in zip(self.network.variables, self.masks):
                    variable.mul_(mask)
        self.loss_sum += loss.detach() * len(indexes)

    def _learn_bags(self, batch: Batch, taken: List[torch.Tensor], rate: float) -> None:
        for bag, rows, terms in zip(self.bags, taken, batch.terms):
            gradient = torch.zeros_like(rows) if rows.grad is None else rows.grad
            gradient = self.processes.mean(gradient) / self.scaler.get_scale()
            # A gradient out of float16's range changes no table; the scaler judges the other weights alone.
            if self.scaler.is_enabled() and not bool(torch.isfinite(gradient).all()):
                continue
            bag.learn(terms, gradient, rate, self.plan.schedule.weight_decay)

    def _variation(self, seed: int) -> Variation:
        schedule = self.plan.schedule
        return Variation(
            seed=seed,
            shape=self.plan.network.shapes[0],
            augment=schedule.augment,
            region_dropout=schedule.region_dropout,
            region_columns=self.plan.region_columns,
            terms_share=schedule.dropout,
        )

    def _autocast(self) -> ContextManager[Any]:
        return torch.autocast("cuda", dtype=self.half) if self.is_mixed else nullcontext()

    def _look(self, batches: int) -> None:
        """Reads the losses, and does what the time or a signal asks for; all processes decide the same."""
        now, state, plan = time.monotonic(), self.state, self.plan
        first = self.processes.is_first
        is_told = first and (plan.folder / "stop").exists()
        is_late = first and plan.until is not None and time.time() > plan.until
        is_due = first and now - self.saved_at > plan.save_every_seconds
        is_signalled = self.processes.is_stopping
        own = [self.loss_sum.item(), float(is_told), float(is_signalled), float(is_late), float(is_due)]
        loss, told, signalled, late, due = self.processes.total(own)
        self.loss_sum.zero_()
        state.loss_sum += loss / self.processes.count
        self._check_finite("loss", state.loss_sum)
        if now - self.reported_at > PROGRESS_SECONDS:
            self.reported_at = now
            self._report(batches)
        state.is_cut_short = late > 0
        if told + signalled > 0 and state.step < batches:
            self._save()
            raise Stopped(by_signal=told == 0)
        if due > 0 and late == 0 and state.step < batches:
            self._save()

    def _check_finite(self, what: str, value: float) -> None:
        if math.isfinite(value):
            return
        raise SystemExit(
            f"The {what} of '{self.plan.name}' became {value} in epoch {self.state.epoch + 1}. Lower the recipe's "
            "learningRate, or look for values far out of range in the data."
        )

    def _validation_loss(self) -> float:
        rows = self.validation.rows
        part = self.processes.part_of(-(-rows // _VALIDATION_ROWS))
        loss = 0.0
        with torch.no_grad():
            for block in range(part.start, part.stop):
                indexes = np.arange(block * _VALIDATION_ROWS, min(rows, (block + 1) * _VALIDATION_ROWS))
                batch = self.validation.batch(indexes, slice(0, len(indexes)), self.places)
                sums = [sum_terms(bag.rows_of(terms), terms) for bag, terms in zip(self.bags, batch.terms)]
                loss += self.trainee.served_loss(batch, sums, self.offsets).item()
        weight = float(self.validation.weights.sum(dtype=np.float64))
        return self.processes.total([loss])[0] / weight if weight > 0 else math.nan

    def _keep_best(self, validation_loss: float) -> None:
        state = self.state
        if state.best_loss is not None and not validation_loss < state.best_loss:
            state.waited += 1
            return
        self.best = [own.detach().clone() for own in self.network.variables]
        self.best_tables = [bag.values.clone() for bag in self.bags]
        state.best_loss = validation_loss
        state.waited = 0

    def _save(self) -> None:
        state = self.state
        state.seconds = self.elapsed
        self.started_at = self.saved_at = time.monotonic()
        if self.device.type == "cuda":
            state.peak_bytes = max(state.peak_bytes, torch.cuda.max_memory_allocated(self.device))
        if not self.processes.is_first:
            return
        values = {
            "trainee": self.trainee.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best": self.best,
            "best_tables": self.best_tables,
            "bags": [(bag.values, bag.first, bag.second, bag.steps) for bag in self.bags],
        }
        save_checkpoint(self.plan, state, values)

    def _report(self, batches: int) -> None:
        if self.processes.is_first:
            report_progress(self.plan, self.state, batches, self.train.rows, self.elapsed)
