"""Trains one expert: ``accelerate launch … -m prometheus_trainer.sft_train --job JOB.json``; keys of the job:

======================  ======================================================================================
``model``               ``{"path": FOLDER}`` or ``{"id": "owner/name", "revision": COMMIT}``
``dataset``             folder with ``train/`` and perhaps ``test/``, as ``datasets.load_from_disk`` reads them
``arguments``           keys of TRL's ``SFTConfig`` and ``ModelConfig``
``chat_template``       Jinja; null takes the tokenizer's own
``profile``             "parity": the ids, labels, order and loss of the original; "fast": the same objective, packed
``micro_batch_tokens``  optional, for "fast": most tokens in a micro-batch; chosen by memory when absent
``master_weights``      optional: float32 weights behind bfloat16 ones; null: by default (master_weights.py)
``adapter``             folder of the adapter to start LoRA from; null starts from the seed
``launch``              optional: ``processes``, ``deepspeed``, ``mixed_precision``: refused where launched otherwise
``response_marker``     optional: the loss is on what follows it before the last answer (see tokenisation.py for its
                        absence)
``max_incomplete_share``  optional: largest share of training rows without a label or with a cut answer; without it
                        0.01 for "fast", and any, with a warning, for "parity"
``checkpoints_dir``     where checkpoints are; a complete one there is resumed
``output_dir``          folder to write the model or adapter to
``training_log``        optional: file to keep all that is logged in, over all runs
``reports``             optional: folder for TensorBoard's files, where ``report_to`` names it (see reporting.py)
``save_minutes``        optional: a checkpoint at least that often, beside what the arguments say
``max_minutes``         optional: the run stops, with a checkpoint, before it has taken that long
``stop_on``             optional: "nan", "spike": a loss like that ends the run with an error
``events``              file to append events to
======================  ======================================================================================

Run again after it was stopped or killed, it ends with the very weights of an undisturbed run. That the checkpoints
found belong to the same settings is the caller's to see to.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_trainer.checkpoints import last_complete_checkpoint
from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.launch_check import check_launch
from prometheus_trainer.lifeline import hold_lifeline
from prometheus_trainer.model_source import resolve_model
from prometheus_trainer.stop_request import StoppedBeforeTraining, StopRequest
from prometheus_trainer.time_limits import TimeLimits

REQUIRED = ("model", "dataset", "arguments", "profile", "checkpoints_dir", "output_dir")


def sft_train(job: dict[str, Any], events: Events) -> dict[str, Any] | None:
    """Trains one expert and writes it to the job's ``output_dir``.

    Returns the metrics; None when it was asked to stop or its time is over: a ``stopped`` event has told the step that
    running again goes on from.
    """
    started = time.monotonic()
    for key in REQUIRED:
        if key not in job:
            raise ConfigurationError(f"the job file has no key {key}", f"It needs {', '.join(REQUIRED)}.")
    if job.get("launch"):
        check_launch(job["launch"])
    if job["arguments"].get("use_cpu"):
        _stay_on_cpu()
    request = StopRequest()
    request.install()
    hold_lifeline()
    limits = TimeLimits(
        save_minutes=job.get("save_minutes"), max_minutes=job.get("max_minutes"), started=started
    )
    checkpoints_dir = Path(job["checkpoints_dir"])
    try:
        return _train(job, events, request, limits, checkpoints_dir)
    except StoppedBeforeTraining:
        resumable = last_complete_checkpoint(checkpoints_dir)
        events.emit("stopped", step=resumable.step if resumable else 0)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            # The signal may have come to this process alone: its launcher ends the others, which wait for it, only if
            # it fails.
            raise SystemExit(128 + signal.SIGTERM) from None
        return None


def _stay_on_cpu() -> None:
    """Makes accelerate, which is imported later, train on the CPU, with plain DDP where there are several processes.

    Its launcher starts several processes on a CPU only under the name of FSDP (recipes/accelerate/cpu.yaml), and FSDP
    itself refuses a CPU.
    """
    os.environ["ACCELERATE_USE_CPU"] = "true"
    os.environ.pop("ACCELERATE_USE_FSDP", None)


def _train(
    job: dict[str, Any], events: Events, request: StopRequest, limits: TimeLimits, checkpoints_dir: Path
) -> dict[str, Any] | None:
    events.emit("phase", name="starting")
    from accelerate import PartialState

    from prometheus_trainer.adapter_check import check_adapter
    from prometheus_trainer.attention_choice import with_available_attention
    from prometheus_trainer.expert_saving import save_expert, write_expert
    from prometheus_trainer.fast_profile import set_up_packing
    from prometheus_trainer.learnt_rows import LearntReport, limit_of
    from prometheus_trainer.loss_watch import LossWatch, TrainingDiverged
    from prometheus_trainer.master_weights import choose_master_weights
    from prometheus_trainer.merging.layout import check_full_precision
    from prometheus_trainer.merging.reading import check_headers
    from prometheus_trainer.model_config import check_sizes
    from prometheus_trainer.model_files import check_model_texts, read_object
    from prometheus_trainer.position_limit import check_row_lengths
    from prometheus_trainer.prepared_rows import learns_an_end, open_split, prepare_rows
    from prometheus_trainer.process_group import keep_process_group
    from prometheus_trainer.reporting import check_reporting, place_reports, tolerate_reporting_faults
    from prometheus_trainer.resume_point import plan_of, require_room_for_checkpoints, resume_point
    from prometheus_trainer.saving_rehearsal import SavingRehearsal
    from prometheus_trainer.stopping import EvaluationStopped, StopCallback
    from prometheus_trainer.tokenisation import choose_tokenisation
    from prometheus_trainer.training import (
        build_trainer,
        end_ids,
        load_tokenizer,
        use_quiet_console,
    )
    from prometheus_trainer.training_arguments import parse_training_arguments
    from prometheus_trainer.training_log import TrainingLog
    from prometheus_trainer.training_metrics import evaluation_loss, training_metrics
    from prometheus_trainer.training_plan import check_parameters

    use_quiet_console()
    dataset, output_dir = Path(job["dataset"]), Path(job["output_dir"])
    train_split, test_split = open_split(dataset, "train"), open_split(dataset, "test")
    assert train_split is not None  # only a test split may be absent
    arguments, notice = with_available_attention(job["arguments"])
    if notice:
        events.emit("notice", message=notice)
    sft_config, model_config = parse_training_arguments(
        arguments,
        profile=job["profile"],
        checkpoints_dir=str(checkpoints_dir),
        has_test_rows=test_split is not None,
    )
    report_to = list(sft_config.report_to or ())
    check_reporting(report_to)
    if test_split is None and job["arguments"].get("eval_strategy", "no") != "no":
        events.emit("notice", message=f"{dataset} has no test rows: nothing is evaluated during training")
    if sft_config.eval_strategy == "no":
        test_split = None
    state = PartialState()
    keep_process_group()
    place_reports(
        report_to,
        Path(job["reports"]) if job.get("reports") else None,
        checkpoints_dir,
        first=state.is_main_process,
    )
    if state.num_processes != int(os.environ.get("WORLD_SIZE", "1")):
        raise ConfigurationError(
            f"{os.environ['WORLD_SIZE']} processes were launched, and accelerate sees {state.num_processes}",
            "Use a launch configuration for this machine: recipes/accelerate/cpu.yaml where there is no GPU.",
        )

    events.emit("phase", name="loading the tokenizer and preparing the rows")
    with state.main_process_first():
        base_model = resolve_model(job["model"])
    check_model_texts(base_model)
    check_sizes(base_model / "config.json", read_object(base_model / "config.json"))
    check_headers(base_model)
    for notice in check_full_precision(base_model):
        events.emit("notice", message=notice)
    if model_config.use_peft:
        check_adapter(base_model, model_config, sft_config.loss_type)
    master_weights = choose_master_weights(job.get("master_weights"), sft_config, model_config, base_model)
    if master_weights.warning:
        events.emit("warning", message=master_weights.warning)
    elif master_weights.kept:
        events.emit("notice", message="float32 master weights are kept behind the bfloat16 weights")
    tokenizer = load_tokenizer(base_model)
    tokenisation = choose_tokenisation(
        tokenizer,
        max_length=sft_config.max_length,
        chat_template=job.get("chat_template"),
        response_marker=job.get("response_marker"),
        profile=job["profile"],
    )
    learnt = LearntReport(events, limit_of(job.get("max_incomplete_share"), job["profile"]))
    cache = checkpoints_dir / "rows"
    with state.main_process_first():
        train_rows = prepare_rows(
            train_split, "train", tokenisation, cache, shuffle_seed=sft_config.seed, report=learnt
        )
        test_rows = test_split and prepare_rows(
            test_split, "test", tokenisation, cache, shuffle_seed=None, report=learnt
        )
    if tokenisation.loss_on != "original":
        events.emit("notice", message=f"the loss is on {tokenisation.learns()}")
    if not learns_an_end(train_rows, end_ids(base_model, tokenizer), tokenisation.max_length):
        events.emit(
            "warning",
            message="no answer among the first rows ends with a token that ends a text, so the model will not learn "
            "to stop: have the chat template write it inside the part that is learnt",
        )

    for name, rows in (("train", train_rows), ("test", test_rows)):
        if rows is not None:
            check_row_lengths(rows, name, base_model, sft_config.max_length)
    plan = plan_of(sft_config, len(train_rows), state.num_processes)
    resumed = resume_point(checkpoints_dir, plan, sft_config, state, events)

    packing = None
    if job["profile"] == "fast":
        packing = set_up_packing(
            train_rows,
            base_model,
            sft_config,
            model_config,
            arguments=arguments,
            micro_batch_tokens=job.get("micro_batch_tokens"),
            master_weights=master_weights.kept,
            processes=state.num_processes,
            process=state.process_index,
        )
        events.emit("notice", message=f"fast: {packing.levers}, {packing.sampler.micro_batches} a step")
    require_room_for_checkpoints(
        checkpoints_dir,
        resumed,
        base_model,
        sft_config,
        model_config,
        master_weights=master_weights.kept,
    )
    events.emit("phase", name="loading the base model")
    stop_on = job.get("stop_on") or ()
    stop = StopCallback(request, limits, stop_on, events)
    trainer = build_trainer(
        base_model=base_model,
        tokenizer=tokenizer,
        pad_token_id=tokenisation.pad_token_id,
        train_rows=train_rows,
        test_rows=test_rows,
        sft_config=sft_config,
        model_config=model_config,
        adapter=Path(job["adapter"]) if job.get("adapter") and not resumed else None,
        resumed=resumed,
        stop=stop,
        events=events,
        packing=packing,
        master_weights=master_weights.kept,
        plan=plan,
    )
    if resumed:
        check_parameters(resumed.folder, trainer.accelerator.unwrap_model(trainer.model))
    training_log = TrainingLog(Path(job["training_log"]) if job.get("training_log") else None, events)
    trainer.add_callback(training_log)
    trainer.add_callback(LossWatch(events, stop_on))
    tolerate_reporting_faults(trainer.callback_handler.callbacks, events)
    rehearse = partial(write_expert, trainer, job=job, base_model=base_model, tokenisation=tokenisation)
    trainer.add_callback(SavingRehearsal(trainer, rehearse, output_dir, events))

    request.training_begins()
    try:
        trainer.train(resume_from_checkpoint=str(resumed.folder) if resumed else None)
    except TrainingDiverged as error:
        events.emit("error", kind="diverged", message=str(error), hint=error.hint)
        raise SystemExit(1) from error
    finally:
        training_log.write(trainer.state)
    if stop.stopped:
        events.emit("stopped", step=trainer.state.global_step)
        trainer.accelerator.end_training()
        return None
    if test_rows is not None and evaluation_loss(trainer.state) is None and not trainer.gave_up_evaluating:
        try:  # killed or stopped between the last checkpoint and its evaluation
            trainer.evaluate()
        except EvaluationStopped:
            events.emit("stopped", step=trainer.state.global_step)
            trainer.accelerator.end_training()
            return None
        except Exception as error:
            trainer.evaluation_failed(error)
        training_log.write(trainer.state)
    metrics = training_metrics(trainer, learnt)

    events.emit("phase", name="saving")
    save_expert(trainer, output_dir, job, base_model, tokenisation, events)
    trainer.accelerator.end_training()
    return metrics


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    run_stage(sft_train, stops_itself=True)
