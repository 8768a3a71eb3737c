"""What training computes: against the golden records, and against plain torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_dataset import write_golden_dataset
from safetensors.torch import load_file
from shared_records import shared_path
from training_jobs import (
    EIGHT_TARGETS,
    TEMPLATE,
    Run,
    read_events,
    run_to_end,
    write_job,
    write_rows,
    write_small_model,
    write_small_rows,
)

RECORDS = ["absolute-mistral", "relative-mistral", "absolute-mixtral"]


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of the three records' runs, 20 steps each."""
    folder = tmp_path_factory.mktemp("records")
    datasets = {name: write_golden_dataset(name, folder / name) for name in ("absolute", "relative")}
    runs = {}
    for record in RECORDS:
        dataset, model_type = record.split("-")
        model = folder / model_type
        if not model.exists():
            shutil.copytree(shared_path(f"golden/models/{model_type}"), model)
            shutil.copytree(shared_path("golden/tokenizer"), model, dirs_exist_ok=True)
        arguments: dict[str, Any] = {
            "max_steps": 20,
            "per_device_train_batch_size": 4,
            "per_device_eval_batch_size": 4,
            "max_length": 4096,
            "attn_implementation": "eager",
            "eval_strategy": "steps",
            "eval_steps": 20,
            "save_strategy": "no",
        }
        if model_type == "mixtral":
            arguments |= {
                "use_peft": True,
                "lora_r": 8,
                "lora_alpha": 16,
                "lora_dropout": 0.0,
                "lora_target_modules": EIGHT_TARGETS,
            }
        else:
            arguments["loss_type"] = "chunked_nll" if dataset == "relative" else "nll"
        job = write_job(
            folder / record,
            model=model,
            dataset=datasets[dataset],
            arguments=arguments,
            chat_template=None,
            adapter=str(shared_path("golden/models/mixtral-adapter-initial"))
            if model_type == "mixtral"
            else None,
        )
        runs[record] = Run(job)
    for run in runs.values():
        assert run.finish(500) == [0], run.log()
    return {record: folder / record for record in RECORDS}


@pytest.mark.parametrize("record", RECORDS)
def test_twenty_steps_have_the_originals_losses(record: str, reproduced: dict[str, Path]) -> None:
    golden = json.loads(shared_path(f"golden/{record}.json").read_text())
    steps = [
        json.loads(line) for line in shared_path(f"golden/{record}-batches.jsonl").read_text().splitlines()
    ]
    logged = read_events(reproduced[record], "train")
    assert [event["loss"] for event in logged] == pytest.approx(golden["losses"], rel=1e-6)
    # The record has the learning rate after a step, the log the one it was made with.
    rates = [step["learning_rate"] for step in steps]
    assert [event["learning_rate"] for event in logged[1:]] == pytest.approx(rates[:-1], rel=1e-9)
    (evaluation,) = read_events(reproduced[record], "evaluation")
    assert evaluation["loss"] == pytest.approx(golden["eval_loss"], rel=1e-4)
    (done,) = read_events(reproduced[record], "done")
    assert done["metrics"]["trainable_parameters"] == golden["trainable"]
    assert done["metrics"]["tokens"] == sum(row["tokens"] for step in steps for row in step["rows"])
    assert done["metrics"]["train_loss_first"] == pytest.approx(sum(golden["losses"][:5]) / 5, rel=1e-6)
    assert done["metrics"]["train_loss_last"] == pytest.approx(sum(golden["losses"][-5:]) / 5, rel=1e-6)
    assert done["metrics"]["eval_loss"] == evaluation["loss"]


@pytest.mark.parametrize(
    ("record", "final", "file"),
    [
        ("absolute-mistral", "absolute-mistral-final", "model.safetensors"),
        ("absolute-mixtral", "absolute-mixtral-adapter-final", "adapter_model.safetensors"),
    ],
)
def test_twenty_steps_end_with_the_originals_weights(
    record: str, final: str, file: str, reproduced: dict[str, Path]
) -> None:
    golden = load_file(shared_path(f"golden/models/{final}/{file}"))
    found = load_file(reproduced[record] / "output" / file)
    if record == "absolute-mixtral":
        assert found.keys() == golden.keys()
    else:  # the record leaves these two out
        assert found.keys() - golden.keys() == {"model.embed_tokens.weight", "lm_head.weight"}
    for name, tensor in golden.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize(("processes", "accumulation"), [(1, 2), (2, 1)])
def test_the_loss_is_the_mean_of_the_means_of_micro_batches(
    processes: int, accumulation: int, tmp_path: Path
) -> None:
    from prometheus_trainer.parity_tokens import RightPaddingCollator
    from prometheus_trainer.prepared_rows import open_split, prepare_rows
    from prometheus_trainer.tokenisation import Tokenisation
    from prometheus_trainer.training import load_tokenizer

    torch.set_num_threads(1)
    model = write_small_model(tmp_path / "model", "mistral")
    # Answers of very different lengths: a mean over all labels of the step would be another number.
    dataset = write_rows(
        tmp_path / "rows", [("Grade it.", "word " * 3 ** (index % 4)) for index in range(4)], 0
    )
    job = write_job(
        tmp_path / "run",
        model=model,
        dataset=dataset,
        arguments={
            "gradient_accumulation_steps": accumulation,
            "max_steps": 2,
            "num_train_epochs": 2,
            "save_strategy": "no",
            "warmup_steps": 0,
            "max_grad_norm": 1.0,
        },
    )
    run_to_end(job, processes)

    from transformers import AutoModelForCausalLM

    tokenisation = Tokenisation(load_tokenizer(model), 256, 0, TEMPLATE)
    rows: Any = open_split(dataset, "train")
    tokens = prepare_rows(rows, "train", tokenisation, tmp_path / "cache", shuffle_seed=42)
    reference = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1e-3, weight_decay=0.0)
    losses = []
    for step, rate in enumerate((1e-3, 0.5e-3)):  # cosine over two steps
        order = torch.randperm(4, generator=torch.Generator().manual_seed(42 + step)).tolist()
        optimizer.zero_grad()
        means = []
        for micro in (order[:2], order[2:]):
            batch = RightPaddingCollator(0)([tokens[index] for index in micro])
            logits = reference(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            means.append(
                torch.nn.functional.cross_entropy(
                    logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten()
                )
            )
        loss = torch.stack(means).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        losses.append(loss.item())
    assert [event["loss"] for event in read_events(tmp_path / "run", "train")] == pytest.approx(
        losses, rel=1e-6
    )
    trained = load_file(tmp_path / "run/output/model.safetensors")
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(trained[name], parameter.detach(), rtol=0, atol=1e-6, msg=name)


def test_a_micro_batch_without_labels_is_warned_about_and_changes_nothing(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", "mistral")
    long = ("A long question. " * 30, "answer")  # its marker is cut off
    dataset = write_rows(tmp_path / "rows", [long] * 3 + [("Short.", "answer")], 0)
    job = write_job(
        tmp_path / "run",
        model=model,
        dataset=dataset,
        arguments={
            "max_length": 64,
            "per_device_train_batch_size": 1,
            "save_strategy": "no",
            "eval_strategy": "epoch",
        },
    )
    metrics = run_to_end(job)
    counted, *warned = read_events(tmp_path / "run", "warning")
    assert "3 of 4 rows have no label" in counted["message"]
    assert len({event["step"] for event in warned}) == 3
    assert (metrics["rows_without_label"], metrics["rows_with_cut_answer"]) == (3, 0)
    assert "eval_loss" not in metrics
    assert any("no test rows" in event["message"] for event in read_events(tmp_path / "run", "notice"))
    assert all(
        tensor.isfinite().all() for tensor in load_file(tmp_path / "run/output/model.safetensors").values()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arguments": {"learning_rte": 1}}, "arguments.learning_rte is not an argument"),
        ({"dataset": "/nowhere"}, "/nowhere/train can't be read as a dataset"),
        ({"model": {"path": "/nowhere"}}, "/nowhere is not a folder"),
        ({"adapter": "/nowhere"}, "an adapter to start from is given, but use_peft is false"),
    ],
)
def test_a_users_mistake_is_an_error_event_and_exit_code_2(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    paths = {
        "model": write_small_model(tmp_path / "model", "mistral"),
        "dataset": write_small_rows(tmp_path / "rows"),
    }
    job = write_job(tmp_path / "run", **paths, arguments=change.get("arguments", {}))
    job.write_text(
        json.dumps(json.loads(job.read_text()) | {k: v for k, v in change.items() if k != "arguments"})
    )
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(tmp_path / "run", "error")
    assert error["kind"] == "configuration"
    assert message in error["message"]
    assert error["hint"]
