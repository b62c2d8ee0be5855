"""Optimisers against references: torch's plain AdamW with groups made by hand, Muon's orthogonal updates."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.errors import InputError
from trainer.sections import OptimizerSpec
from trainer.training.optimizer import Optimizer, clip_gradients


def make_model() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 6))


def set_gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_adamw_is_torchs_with_decay_on_matrices_only() -> None:
    ours, theirs = make_model(), make_model()
    spec = OptimizerSpec(learning_rate=0.01, weight_decay=0.3, beta1=0.8, beta2=0.9, eps=1e-6)
    optimizer = Optimizer(ours, spec, hidden_matrices=())
    matrices = [p for p in theirs.parameters() if p.ndim == 2]
    others = [p for p in theirs.parameters() if p.ndim == 1]
    reference = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}],
        lr=0.01 * 0.5,
        betas=(0.8, 0.9),
        eps=1e-6,
    )
    for seed in range(5):
        set_gradients(ours, seed)
        set_gradients(theirs, seed)
        optimizer.step(0.5)
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_muon_moves_hidden_matrices_by_nearly_orthogonal_steps() -> None:
    model = make_model()
    before = model[0].weight.detach().clone()
    spec = OptimizerSpec(name="muon", muon_learning_rate=0.1, weight_decay=0.0)
    optimizer = Optimizer(model, spec, hidden_matrices={"0.weight"})
    set_gradients(model, 1)
    optimizer.step(1.0)
    singular = torch.linalg.svdvals(before - model[0].weight.detach()) / 0.1
    assert (singular / singular.max()).min() > 0.5  # of a random gradient the smallest is near a tenth
    assert {type(o).__name__ for o in optimizer.optimizers} == {"AdamW", "Muon"}


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_state_survives_as_tensors(name: str) -> None:
    spec = OptimizerSpec(name=name)  # type: ignore[arg-type]
    a, b = make_model(), make_model()
    first = Optimizer(a, spec, hidden_matrices={"0.weight"})
    for seed in range(3):
        set_gradients(a, seed)
        first.step(1.0)
    b.load_state_dict(a.state_dict())
    second = Optimizer(b, spec, hidden_matrices={"0.weight"})
    second.load_state_tensors({key: value.clone() for key, value in first.state_tensors().items()})
    for model, optimizer in ((a, first), (b, second)):
        set_gradients(model, 9)
        optimizer.step(1.0)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_state_of_another_model_is_refused() -> None:
    optimizer = Optimizer(make_model(), OptimizerSpec(), hidden_matrices=())
    with pytest.raises(InputError, match=r"optimiser state of 0.weight does not fit"):
        optimizer.load_state_tensors({"0.weight|exp_avg": torch.zeros(3, 3)})


def test_a_step_whose_gradients_overflowed_is_passed_over_and_the_scale_halved() -> None:
    model = make_model()
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = Optimizer(model, OptimizerSpec(), hidden_matrices=())
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(model(torch.randn(2, 6)).sum()).backward()
    model[0].weight.grad[0, 0] = float("inf")  # type: ignore[index]
    optimizer.step(1.0, scaler)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert scaler.get_scale() == 512.0


@pytest.mark.parametrize("limit", [0.5, 1e3, float("inf")])
def test_clipping_is_torchs(limit: float) -> None:
    ours, theirs = make_model(), make_model()
    set_gradients(ours, 1)
    set_gradients(theirs, 1)
    norm, wanted = clip_gradients(ours.parameters(), limit), nn.utils.clip_grad_norm_(theirs.parameters(), limit)
    assert norm.equal(wanted)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)


def test_a_norm_that_is_no_number_spoils_every_gradient_as_before() -> None:
    model = make_model()
    set_gradients(model, 1)
    next(model.parameters()).grad[0, 0] = float("nan")  # type: ignore[index]
    assert clip_gradients(model.parameters(), 1e3).isnan()
    assert all(p.grad is not None and p.grad.isnan().all() for p in model.parameters())
