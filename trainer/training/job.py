"""The job kind `train`: puts a run together from its spec and where the attempt begins, and lets the loop go."""

from __future__ import annotations

from dataclasses import replace

import torch

from trainer.adapt.build import build_model
from trainer.adapt.freezing import rate_scales
from trainer.adapt.pruning import pruned_names
from trainer.adapt.teacher import load_teacher, sentence_of
from trainer.context import JobContext
from trainer.data.shards import PreparedVersion
from trainer.events import Finished, Message, Resolved, Stopped
from trainer.models.products import multiply_by
from trainer.parallel.group import Group
from trainer.parallel.place import place_here
from trainer.sections import MachineSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.batches import NUM_AHEAD
from trainer.training.beginning import find_beginning, take_weights
from trainer.training.checkpoint import StoredCheckpoint, require_free_space, tensor_bytes
from trainer.training.compile_cache import known_seconds
from trainer.training.loop import Loop
from trainer.training.machine import (
    apply_machine,
    decide_compile,
    is_here,
    layout_of,
    resolve_device,
    resolve_machine,
)
from trainer.training.optimizer import Optimizer
from trainer.training.own_data import check_kind, open_checked
from trainer.training.setting import Setting
from trainer.training.state import TrainState, set_random_states
from trainer.training.task import count_parameters, make_task

STEPS_WORTH_A_MEASUREMENT = 50
"""A run of several processes that has so many steps before it measures what one of them would take: a few of its steps."""

OPTIMIZER_COPIES = 2
"""AdamW keeps two numbers for each weight."""


def run(spec: TrainSpec, context: JobContext) -> Finished | Stopped:
    """Do one attempt of a training run, alone or as one of several processes that share it."""
    group = join()
    ended = train(spec, context, group)
    group.wait()  # nobody's connections close while others still need them
    return ended


def join() -> Group:
    """Return the processes that share the run, as torchrun's variables have it."""
    place = place_here()
    if place is None or place.size == 1:
        return Group()
    from trainer.parallel.ranks import Ranks  # a run of one process needs no torch.distributed

    return Ranks(place)


def train(spec: TrainSpec, context: JobContext, group: Group) -> Finished | Stopped:
    version = open_checked(spec.data)
    check_kind(spec, version)
    beginning = find_beginning(spec, context)
    state = beginning.state
    setting = make_setting(spec, context, version, state, beginning.resumed, group=group)
    context.started(
        device=setting.machine.device,
        resumed_from_step=beginning.resumed_step,
        versions={"torch": str(torch.__version__)},
    )
    require_free_space(
        context.attempt.path,
        needed_bytes=(1 + OPTIMIZER_COPIES) * tensor_bytes(dict(setting.model.named_parameters())),
        num_checkpoints=2,
    )
    take_weights(setting, beginning)
    if taught := load_teacher(setting.task, spec.distil, device=setting.machine.device):
        setting.teacher, setting.facts["distil"] = taught
        context.emit(Message(text=sentence_of(spec.distil, setting.facts["distil"]), code="distil"))
    if beginning.resumed is None and (told := setting.task.cut_short(version.open_split("train"))):
        context.emit(Message(text=told, level="warning", code="cut_short"))
    setting.task.before_training(setting.model, version)
    begin_learning(setting, beginning.source)
    loop = Loop(setting, state, saved_step=beginning.resumed_step)
    if beginning.resumed is None:
        setting.machine, reasons = decide_compile(
            setting.machine,
            num_steps=spec.schedule.num_steps - state.step,
            trial_step=loop.trial_step,
            known_seconds=known_seconds(spec, setting.machine),
        )
        setting.machine = replace(setting.machine, compile=group.agree(setting.machine.compile))
        setting.reasons.update(reasons)
    if spec.schedule.num_steps - state.step >= STEPS_WORTH_A_MEASUREMENT:
        group.measure_alone(loop.trial_step, num_threads=setting.machine.num_threads)
    machine = {name: getattr(setting.machine, name) for name in MachineSpec.__dataclass_fields__}
    context.emit(Resolved(machine=machine, reasons=setting.reasons, facts=setting.facts))
    if states := group.own_random_states(state.random_states, seed=spec.seed, step=state.step):
        set_random_states(states)
    return loop.run()


def make_setting(
    spec: TrainSpec,
    context: JobContext,
    version: PreparedVersion,
    state: TrainState,
    checkpoint: StoredCheckpoint | None,
    *,
    group: Group | None = None,
) -> Setting:
    """Build the model on the device, as decided now or, when resuming, as decided at the first step."""
    group = group or Group()
    wanted = spec.machine if checkpoint is None else machine_on_resume(state.machine, spec, context)
    device, why = resolve_device(wanted.device, attempt_device=context.attempt_spec.device)
    device = group.begin(device)
    assets = Assets.of_version(version)
    task = make_task(spec, assets)
    torch.manual_seed(spec.seed)
    model = build_model(task)
    num_parameters = count_parameters(model)
    machine, reasons = resolve_machine(wanted, device=device, device_reason=why, num_parameters=num_parameters)
    machine = replace(  # what was measured may differ between processes
        machine, dtype=group.agree(machine.dtype), float32_products=group.agree(machine.float32_products)
    )
    multiply_by(machine.float32_products, model)
    reasons |= group.choose(spec, model, dtype=machine.dtype)
    if shared := group.share_of_threads(machine.num_threads):
        reasons["num_threads"] = ", ".join(text for text in (reasons.get("num_threads"), shared) if text)
    if group.shards_model:
        machine = replace(machine, compile="off")
        reasons["compile"] = "off: a model that several processes hold parts of runs as it is"
    reasons |= apply_machine(machine, num_processes=group.size)
    if not group.shards_model:  # its parts go there one by one
        model.to(device)
    reasons |= layout_of(model) | {"batches": f"{NUM_AHEAD} are made ahead by a thread while the model learns"}
    train = version.open_split("train")
    task.see_training(train)
    facts = {
        **task.facts(model),
        "tokens_per_step": spec.batch.tokens_per_step,
        "num_train_tokens": train.num_tokens,
        "num_examples": task.num_examples(train),
        "examples_per_step": spec.batch.sequences_per_step,
        "content_hash": version.manifest.content_hash,
        **group.facts(),
    }
    return Setting(
        spec=spec,
        context=context,
        version=version,
        task=task,
        model=model,
        machine=machine,
        group=group,
        scaler=torch.amp.GradScaler("cuda") if machine.dtype == "float16" else None,
        reasons={**state.reasons, **reasons},
        facts=facts,
    )


def machine_on_resume(before: MachineSpec, spec: TrainSpec, context: JobContext) -> MachineSpec:
    """Return how the run used the machine so far; where it goes on on another kind of device, decide anew and say so."""
    wanted = context.attempt_spec.device
    kind_before = before.device.split(":")[0]
    kind_now = (
        kind_before if wanted == "auto" and is_here(kind_before) else resolve_device("auto", attempt_device=wanted)[0]
    )
    if kind_now.split(":")[0] == kind_before:
        had_no_choice = before.float32_products == "auto"  # it began before there was one
        return replace(before, float32_products="torch") if had_no_choice else before
    text = f"The run began on {kind_before} and goes on on {kind_now}: its losses will differ a little from there on."
    context.emit(Message(text=text, level="warning", code="other_device"))
    return replace(spec.machine, device="auto")


def begin_learning(setting: Setting, source: StoredCheckpoint | None) -> None:
    """Make the model the group's, and the optimiser, with what a checkpoint remembers of it."""
    setting.group.wrap(setting.model)
    setting.optimizer = Optimizer(
        setting.model,
        setting.spec.optimizer,
        hidden_matrices=setting.task.hidden_matrices(setting.model),
        rate_scales=rate_scales(setting.task, setting.model),
        zeros_stay=pruned_names(setting.task, setting.model),
    )
    if source is None:
        return
    setting.group.load_optimizer(setting.optimizer, source)
    scaler = source.state().scaler
    if setting.scaler is not None and scaler:
        setting.scaler.load_state_dict(scaler)
