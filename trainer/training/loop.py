"""The training loop.

    for each step: gradients of all micro-batches, clip, update; then, when due, validate and save
    at the end: the whole validation split with the last weights, the test split once with the best

Everything that decides what the next step does is in the weights, the optimiser and `TrainState`. All three are saved
together, so that a run killed at any moment goes on from its last checkpoint with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from trainer.events import Finished, Progress, Stopped
from trainer.training import compile_cache
from trainer.training.batches import Prefetch
from trainer.training.finish import finish
from trainer.training.measuring import Interrupted, autocast, pin, to_device
from trainer.training.meter import Meter, MeteredStep
from trainer.training.optimizer import clip_gradients
from trainer.training.order import examples_at
from trainer.training.saving import Saver
from trainer.training.schedule import rate_fraction
from trainer.training.setting import Setting
from trainer.training.state import TrainState
from trainer.training.task import Batch, Loss
from trainer.training.validation import judge, show_training_pictures, validate
from trainer.training.watch import LossWatch


class Loop:
    """One attempt's way through a run, from `state` on. `saved_step` is that of the checkpoint it was loaded from."""

    def __init__(self, setting: Setting, state: TrainState, *, saved_step: int | None) -> None:
        self.set, self.spec, self.state = setting, setting.spec, state
        self.group = setting.group
        self.num_steps = setting.spec.schedule.num_steps
        self.saver = Saver(setting, last_step=saved_step)
        self.split = setting.version.open_split("train")
        self.num_examples = setting.task.num_examples(self.split)
        self.compute_loss: Loss = setting.task.loss
        if setting.teacher is not None:
            self.compute_loss = partial(setting.task.distilled_loss, teacher=setting.teacher)
        self.metrics: dict[str, float | None] = {}
        self.watch = LossWatch(state.recent_losses, warmup_steps=setting.spec.schedule.warmup_steps)

    def run(self) -> Finished | Stopped:
        """Go on to the last step, or to where the job is told to end."""
        self.prepare()
        self.seconds_before, self.began = self.state.seconds, time.monotonic()
        self.meter = Meter(
            self.set.context.emit,
            first_step=self.state.step,
            num_steps=self.num_steps,
            device=self.set.machine.device,
            on_loss=self.watch_loss if self.group.speaks else lambda *_: None,
        )
        try:
            if not self.state.is_validated:
                self.validate_and_save()
            if not self.is_over:
                self.train()
            if self.saver.last_step != self.state.step:
                self.save()
            return finish(self.set, self.state)
        except Interrupted:
            return self.stopped()

    def watch_loss(self, step: int, loss: float) -> None:
        self.watch.read(step, loss, last_checkpoint_step=self.saver.last_step)

    def prepare(self) -> None:
        """Put the model into training, compiled where that was decided."""
        if self.set.machine.compile == "on":
            torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is, and the log says so
            compile_cache.begin()
            self.compute_loss = self.set.task.compiled(self.set.model, self.compute_loss)
            self.set.context.emit(Progress(done=self.state.step, total=self.num_steps, phase="compiling"))
        self.set.model.train()

    @property
    def is_over(self) -> bool:
        """All steps are done, or so many validations brought nothing better that patience is at its end."""
        patience = self.spec.evaluation.patience
        return self.state.step >= self.num_steps or 0 < patience <= self.state.num_validations_without_better

    def train(self) -> None:
        """Take steps until the run is over; raise `Interrupted` when told to end before."""
        if self.state.step == 0:
            show_training_pictures(self.set, self.batch_maker()(0)[0])
        batches = Prefetch(self.batch_maker(), range(self.num_steps - self.state.step))
        try:
            for number, micro_batches in enumerate(batches):
                self.take_step(micro_batches)
                if number == 0 and self.set.machine.compile == "on":
                    compile_cache.remember(self.spec, self.set.machine, seconds=time.monotonic() - self.began)
                self.saver.remove_old()
                if self.state.step % self.spec.evaluation.every_steps == 0 or self.state.step == self.num_steps:
                    self.validate_and_save()
                elif self.state.step % self.spec.checkpoint.every_steps == 0:
                    self.save()
                if self.is_over:
                    return
                if self.group.word(self.set.context.should_stop()):
                    raise Interrupted
        finally:
            batches.close()

    def batch_maker(self) -> Callable[[int], list[Batch]]:
        """Return a function that makes our micro-batches of the n-th step from here. It runs in the prefetch thread."""
        first, size, micro = self.state.position, self.spec.batch.sequences_per_step, self.set.share_chunk

        def make(n: int) -> list[Batch]:
            examples = examples_at(first + n * size, size, num_examples=self.num_examples, seed=self.spec.seed)
            ours = self.group.share(examples)
            chunks = (ours[i : i + micro] for i in range(0, len(ours), micro))
            return pin((self.set.task.batch(self.split, chunk) for chunk in chunks), self.set.machine.device)

        return make

    def take_step(self, micro_batches: list[Batch]) -> None:
        """Do one optimiser step."""
        fraction = rate_fraction(self.state.step + 1, self.spec.schedule)
        loss, norm = self.accumulate(micro_batches)
        self.set.optimizer.step(fraction, self.set.scaler)
        our_tokens = sum(self.set.task.count(batch) for batch in micro_batches)
        num_tokens = self.group.meet(our_tokens, self.set.context.should_stop())
        self.state.step += 1
        self.state.position += self.spec.batch.sequences_per_step
        self.state.num_tokens_seen += num_tokens
        self.state.seconds = self.seconds_before + time.monotonic() - self.began
        rate = self.spec.optimizer.learning_rate * fraction
        self.meter.add(MeteredStep(self.state.step, loss, norm, rate, self.state.seconds, num_tokens))
        if told := self.group.told(self.state.step, is_last=self.state.step == self.num_steps):
            self.set.context.emit(told)

    def accumulate(self, micro_batches: list[Batch]) -> tuple[Tensor, Tensor]:
        """Leave the clipped gradient of all micro-batches on the parameters; return mean loss and its norm, unread."""
        self.set.optimizer.zero_grad()
        losses = []
        for number, batch in enumerate(micro_batches, start=1):
            with self.group.accumulating(is_last=number == len(micro_batches)):
                with autocast(self.set.machine):
                    inputs = to_device(batch, self.set.machine.device)
                    loss = self.group.learn(self.compute_loss, self.set.model, inputs) / len(micro_batches)
                torch.autograd.backward(self.set.scaler.scale(loss) if self.set.scaler is not None else loss)
            losses.append(loss.detach())
        if self.set.scaler is not None:
            for optimizer in self.set.optimizer.optimizers:
                self.set.scaler.unscale_(optimizer)
        limit = self.spec.optimizer.gradient_clip or float("inf")
        norm = clip_gradients(self.set.model.parameters(), limit)
        return self.group.mean(torch.stack(losses).sum()), self.group.whole(norm)

    def trial_step(self) -> None:
        """Do the work of a step and leave no trace: neither weights nor random numbers change."""
        with torch.random.fork_rng():
            self.accumulate(self.batch_maker()(0))
        self.set.optimizer.zero_grad()

    def validate_and_save(self) -> None:
        """Validate; save when this is the best so far, or the last step, or a checkpoint is due."""
        self.meter.flush()
        self.state.is_validated = False
        self.metrics = validate(self.set, self.state)
        is_better = judge(self.set, self.state, self.metrics)
        self.state.is_validated = True
        if is_better or self.is_over or self.state.step % self.spec.checkpoint.every_steps == 0:
            self.save()
        self.meter.restart_clock()

    def save(self) -> None:
        """Write a checkpoint. Every loss up to here is read first: weights that a NaN has reached are not saved."""
        self.meter.flush()
        self.saver.save(self.state, metrics=self.metrics)
        self.metrics = {}
        self.meter.restart_clock()

    def stopped(self) -> Stopped:
        """End because the job was told to; unless it was cancelled, save first."""
        step = self.state.step
        self.meter.flush()
        if self.group.word(self.set.context.should_stop()) == "cancel":
            last = self.saver.last_step
            saved = f"the last checkpoint is that of step {last}" if last is not None else "nothing was saved yet"
            return Stopped(step=step, sentence=f"Cancelled at step {step}; {saved}.")
        if self.saver.last_step != step:
            self.save()
        return Stopped(step=step, sentence=f"Stopped at step {step} of {self.num_steps} and saved; it can be resumed.")
