"""The profile ``fast`` against ``parity``: the same objective on the same examples, otherwise laid out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_jobs import (
    EIGHT_TARGETS,
    read_events,
    run_to_end,
    write_job,
    write_small_model,
    write_small_rows,
)

from prometheus_trainer.fast_batches import (
    BalancedBatchSampler,
    StepLayout,
    WeightedRow,
    epoch_order,
    fewest_micro_batches,
    parity_steps,
    share_out,
    weigh,
)


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize(("rows", "batch", "accumulation"), [(22, 2, 2), (7, 4, 1), (64, 4, 4), (5, 1, 3)])
def test_steps_are_those_of_accelerate(rows: int, batch: int, accumulation: int, processes: int) -> None:
    from accelerate.data_loader import SeedableRandomSampler, prepare_data_loader
    from torch.utils.data import DataLoader

    layout = StepLayout(batch, accumulation, processes)
    for epoch in (0, 1):
        steps = parity_steps(epoch_order(rows, 42, epoch), layout)
        shares = []
        for process in range(processes):
            sampler = SeedableRandomSampler(range(rows), data_seed=42)
            sampler.set_epoch(epoch)
            loader = DataLoader(range(rows), batch_size=batch, sampler=sampler, collate_fn=list)  # type: ignore[arg-type]
            prepared = prepare_data_loader(
                loader, num_processes=processes, process_index=process, put_on_device=False
            )
            shares.append(list(prepared.batch_sampler))
        expected = [
            [group for share in shares for group in share[start : start + accumulation]]
            for start in range(0, len(shares[0]), accumulation)
        ]
        assert steps == expected


def test_label_weights_are_the_mean_of_means() -> None:
    weighted = weigh([[0, 1], [2], [3]], [3, 1, 5, 0])
    assert weighted == [
        WeightedRow(0, pytest.approx(1 / 12)),
        WeightedRow(1, pytest.approx(1 / 12)),
        WeightedRow(2, pytest.approx(1 / 15)),
        WeightedRow(3, 0.0),
    ]


def test_micro_batches_hold_every_row_once_within_the_budget() -> None:
    draw = random.Random(5)
    for _ in range(200):
        processes = draw.choice([1, 2, 4])
        lengths = [draw.randint(5, 400) for _ in range(draw.randint(1, 60))]
        rows = [WeightedRow(row, draw.random()) for row in range(len(lengths))]
        budget = draw.randint(50, 2000)
        count = fewest_micro_batches([rows], lengths, processes, budget)
        batches = share_out(rows, lengths, count * processes)
        sizes = [sum(lengths[row.row] for row in batch) for batch in batches]
        assert len(batches) == count * processes
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] <= max(budget, max(lengths))
        held = sorted(row for batch in batches for row in batch if row.label_weight)
        assert held == sorted(row for row in rows if row.label_weight)


def test_each_process_gets_its_share_of_every_step() -> None:
    lengths = [10 + row % 7 for row in range(22)]
    options: dict[str, Any] = {
        "layout": StepLayout(2, 2, 2),
        "seed": 42,
        "token_budget": 30,
        "epochs": 2,
    }
    samplers = [BalancedBatchSampler(lengths, [3] * 22, process=process, **options) for process in range(2)]
    for epoch in (0, 1):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        first, second = (list(sampler) for sampler in samplers)
        assert len(first) == len(second) == len(samplers[0])
        size = samplers[0].micro_batches
        for start, step in zip(
            range(0, len(first), size),
            parity_steps(epoch_order(22, 42, epoch), options["layout"]),
            strict=True,
        ):
            held = [
                row.row
                for batch in first[start : start + size] + second[start : start + size]
                for row in batch
            ]
            assert sorted(held) == sorted(row for group in step for row in group)


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [({"num_train_epochs": 1.5}, 2), ({"max_steps": 3}, 1), ({"max_steps": 4}, 2), ({"max_steps": 7}, 3)],
)
def test_micro_batches_are_planned_for_every_epoch_that_begins(
    settings: dict[str, Any], epochs: int, tmp_path: Path
) -> None:
    from trl.trainer.sft_config import SFTConfig

    from prometheus_trainer.fast_profile import epochs_of

    config = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **settings)
    assert epochs_of(config, StepLayout(2, 2, 1), rows=11) == epochs  # three steps an epoch


LORA: dict[str, Any] = {
    "use_peft": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.0,  # its random numbers fall on other tokens
    "lora_target_modules": EIGHT_TARGETS,
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "mistral": write_small_model(folder / "mistral", "mistral"),
        "mixtral": write_small_model(folder / "mixtral", "mixtral"),
        "dataset": write_small_rows(folder / "rows"),
    }


@pytest.mark.parametrize(
    ("model", "processes", "tokens"), [("mistral", 1, 200), ("mistral", 2, 90), ("mixtral", 1, 150)]
)
def test_fast_trains_as_parity(
    model: str, processes: int, tokens: int, inputs: dict[str, Path], tmp_path: Path
) -> None:
    arguments = {
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 2,
        "save_strategy": "no",
        **(LORA if model == "mixtral" else {}),
    }
    runs = {}
    for profile in ("parity", "fast"):
        job = write_job(
            tmp_path / profile,
            model=inputs[model],
            dataset=inputs["dataset"],
            arguments=arguments,
            profile=profile,
            micro_batch_tokens=tokens,
        )
        runs[profile] = run_to_end(job, processes)
    told = [event["message"] for event in read_events(tmp_path / "fast", "notice")]
    assert any(message.startswith("fast: attention sdpa, layers not compiled") for message in told)
    losses = {
        profile: [event["loss"] for event in read_events(tmp_path / profile, "train")] for profile in runs
    }
    assert losses["fast"] == pytest.approx(losses["parity"], rel=1e-5)
    assert runs["fast"]["eval_loss"] == pytest.approx(runs["parity"]["eval_loss"], rel=1e-5)
    assert runs["fast"]["tokens"] == runs["parity"]["tokens"]
    file = "model.safetensors" if model == "mistral" else "adapter_model.safetensors"
    weights = {profile: load_file(tmp_path / profile / "output" / file) for profile in runs}
    for name, tensor in weights["parity"].items():
        torch.testing.assert_close(weights["fast"][name], tensor, rtol=0, atol=2e-5, msg=name)


def test_gradients_of_one_step_are_those_of_parity(inputs: dict[str, Path]) -> None:
    from transformers import AutoModelForCausalLM

    from prometheus_trainer.packed_rows import PackingCollator, packed_loss
    from prometheus_trainer.parity_tokens import IGNORED, RightPaddingCollator

    draw = random.Random(1)
    rows = []
    for _ in range(8):
        length = draw.randint(6, 40)
        ids = [1] + [draw.randint(3, 31999) for _ in range(length - 1)]
        start = draw.randint(2, length - 1)
        rows.append({"input_ids": ids, "labels": [IGNORED] * start + ids[start:]})
    lengths = [len(row["input_ids"]) for row in rows]
    labels = [sum(label != IGNORED for label in row["labels"][1:]) for row in rows]
    groups = [[0, 1, 2], [3, 4, 5], [6, 7]]

    def gradients(losses: Any) -> dict[str, torch.Tensor]:
        model = AutoModelForCausalLM.from_pretrained(inputs["mistral"], dtype=torch.float32)
        for loss in losses(model):
            loss.backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    def parity(model: Any) -> Any:
        for group in groups:
            yield model(**RightPaddingCollator(0)([rows[row] for row in group])).loss / len(groups)

    def fast(model: Any) -> Any:
        for batch in share_out(weigh(groups, labels), lengths, 4):
            held = [{**rows[row.row], "label_weight": row.label_weight} for row in batch]
            yield packed_loss(model, PackingCollator()(held))[0]

    expected, found = gradients(parity), gradients(fast)
    for name, gradient in expected.items():
        scale = gradient.abs().max().clamp(min=1e-8)
        torch.testing.assert_close(found[name] / scale, gradient / scale, rtol=0, atol=1e-5, msg=name)


def test_a_killed_fast_run_ends_with_the_weights_of_an_undisturbed_one(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    from training_jobs import Run

    def job(folder: Path) -> Path:
        return write_job(
            folder,
            model=inputs["mixtral"],
            dataset=inputs["dataset"],
            arguments={
                "gradient_accumulation_steps": 2,
                "save_strategy": "steps",
                "save_steps": 2,
                "num_train_epochs": 2,
                **LORA,
                "lora_dropout": 0.1,
            },
            profile="fast",
            micro_batch_tokens=100,
        )

    run_to_end(job(tmp_path / "whole"))
    killed = job(tmp_path / "killed")
    for step in (3, 8):
        run = Run(killed)
        run.wait_for(lambda event, step=step: event["event"] == "train" and event["step"] == step)
        run.kill()
    run_to_end(killed)
    files = [tmp_path / name / "output/adapter_model.safetensors" for name in ("whole", "killed")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_master_weights_survive_a_kill_bit_for_bit(inputs: dict[str, Path], tmp_path: Path) -> None:
    from training_jobs import Run

    def job(folder: Path) -> Path:
        return write_job(
            folder,
            model=inputs["mistral"],
            dataset=inputs["dataset"],
            arguments={
                "dtype": "bfloat16",
                "bf16": True,
                "gradient_accumulation_steps": 2,
                "save_strategy": "steps",
                "save_steps": 2,
                "learning_rate": 1e-5,
            },
            profile="fast",
            micro_batch_tokens=150,
        )

    run_to_end(job(tmp_path / "whole"))
    killed = job(tmp_path / "killed")
    run = Run(killed)
    run.wait_for(lambda event: event["event"] == "train" and event["step"] == 3)
    run.kill()
    run_to_end(killed)
    files = [tmp_path / name / "output/model.safetensors" for name in ("whole", "killed")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_master_weights_where_they_have_no_place_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    from training_jobs import Run

    job = write_job(
        tmp_path, model=inputs["mistral"], dataset=inputs["dataset"], profile="parity", master_weights=True
    )
    run = Run(job)
    assert run.finish() == [2]
    (error,) = read_events(tmp_path, "error")
    assert error["message"].startswith("master_weights is not available: dtype is ")


@pytest.mark.parametrize("profile", ["parity", "fast"])
def test_master_weights_are_kept_unless_the_job_says_otherwise(
    inputs: dict[str, Path], tmp_path: Path, profile: str
) -> None:
    def train(name: str, **changes: Any) -> tuple[bytes, list[str]]:
        folder = tmp_path / name
        run_to_end(
            write_job(
                folder,
                model=inputs["mistral"],
                dataset=inputs["dataset"],
                arguments={"dtype": "bfloat16", "bf16": True, "max_steps": 3, "learning_rate": 1e-5},
                profile=profile,
                **changes,
            )
        )
        warnings = [event["message"] for event in read_events(folder, "warning")]
        return (folder / "output/model.safetensors").read_bytes(), warnings

    unsaid, kept, without = (
        train("unsaid"),
        train("kept", master_weights=True),
        train("without", master_weights=False),
    )
    assert unsaid == kept == (kept[0], [])
    assert without[0] != kept[0]
    (warning,) = without[1]
    assert warning.startswith("master_weights is false: nothing keeps float32 master weights")
