"""The losses of a training: as train/objective.ts computes them."""

from __future__ import annotations

from typing import List, Optional

import torch
from torch import nn

from .networks import Network
from .plan import Schedule
from .randoms import Dropout
from .rows import Batch


class Trainee(nn.Module):
    """A network under training, and the regional heads that its plan asks for. Its forward pass is the loss."""

    def __init__(self, network: Network, schedule: Schedule, regions: int) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.kernels: Optional[nn.Parameter] = None
        self.biases: Optional[nn.Parameter] = None
        if schedule.regional_heads:
            # Each region's difference from the global head.
            head = network.variables[-2]
            width, classes = head.shape[-2] * network.form.members, head.shape[-1]
            self.kernels = nn.Parameter(torch.zeros(regions, width * classes))
            self.biases = nn.Parameter(torch.zeros(regions, classes))

    def forward(self, batch: Batch, sums: List[torch.Tensor], dropout: Optional[Dropout], parts: int) -> torch.Tensor:
        """Computes the loss so that its mean over `parts` processes is the loss of the whole batch."""
        embeddings = self.network.embed(batch.values, sums, dropout, batch.place)
        loss = self._loss(batch, embeddings, self.network.members(embeddings), batch.total_weight / parts)
        if self.schedule.l2 > 0:
            for kernel in self.network.kernels():
                loss = loss + self.schedule.l2 * kernel.square().sum()
        if self.schedule.regional_heads and self.kernels is not None and self.biases is not None:
            squares = self.kernels.square().sum() + self.biases.square().sum()
            loss = loss + self.schedule.regional_heads[1] * squares / self.kernels.shape[0]
        return loss

    def served_loss(self, batch: Batch, sums: List[torch.Tensor], offsets: Optional[torch.Tensor]) -> torch.Tensor:
        """Computes the weighted sum of losses of what is served: the members' mean, with class weights taken out."""
        embeddings = self.network.embed(batch.values, sums, None, batch.place)
        logits = self.network.members(embeddings).mean(1, keepdim=True)
        if offsets is not None:
            logits = logits - offsets
        return self._loss(batch, embeddings, logits, 1.0)

    def _loss(self, batch: Batch, embeddings: torch.Tensor, logits: torch.Tensor, total: float) -> torch.Tensor:
        loss = self._global_loss(batch, logits, total)
        if not self.schedule.regional_heads:
            return loss
        share = self.schedule.regional_heads[0]
        own = logits + self._regional(embeddings, batch.regions).unsqueeze(1)
        return loss * (1 - share) + _cross_entropy(batch.targets, own, batch.weights, total) * share

    def _global_loss(self, batch: Batch, logits: torch.Tensor, total: float) -> torch.Tensor:
        hard = _cross_entropy(batch.targets, logits, batch.weights, total)
        if batch.teacher is None:
            return hard
        # Hinton et al., arXiv 1503.02531: the gradients of soft targets at temperature T are 1/T² as large.
        distil, temperature = self.schedule.distil, self.schedule.distil_temperature
        soft = _cross_entropy(batch.teacher, logits / temperature, batch.weights, total)
        return hard * (1 - distil) + soft * (distil * temperature**2)

    def _regional(self, embeddings: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
        assert self.kernels is not None and self.biases is not None
        known = (regions >= 0).to(embeddings.dtype).unsqueeze(1)
        at = regions.clamp(min=0)
        rows, width = embeddings.shape
        kernels = self.kernels[at].reshape(rows, width, -1)
        return (torch.bmm(embeddings.unsqueeze(1), kernels).squeeze(1) + self.biases[at]) * known


def _cross_entropy(targets: torch.Tensor, logits: torch.Tensor, weights: torch.Tensor, total: float) -> torch.Tensor:
    losses = -(targets.unsqueeze(1) * torch.log_softmax(logits.float(), 2)).sum(2)
    return (losses.mean(1) * weights).sum() / total
