"""The trainer of the profile ``fast``: parity's objective on packed micro-batches of equal work."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from prometheus_trainer.fast_batches import BalancedBatchSampler, EpochDataLoader
from prometheus_trainer.packed_rows import WeightedRows, packed_loss
from prometheus_trainer.resumable_trainer import ResumableTrainer


class PackedTrainer(ResumableTrainer):
    """Trains on what ``sampler`` shares out; the collator must be a PackingCollator."""

    def __init__(self, *, sampler: BalancedBatchSampler, **options: Any) -> None:
        super().__init__(**options)
        self._sampler = sampler

    def get_train_dataloader(self) -> DataLoader:
        # Not prepared by accelerate: the sampler gives each process its own batches already.
        return EpochDataLoader(
            WeightedRows(self.train_dataset),
            batch_sampler=self._sampler,  # type: ignore[arg-type]
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
        )

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss, outputs = packed_loss(model, inputs)
        if model.training:
            # The trainer divides by the micro-batches of the step, and the gradients' mean over processes by those:
            # the weights have both in them already.
            loss = loss * self.current_gradient_accumulation_steps * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss
