"""Float32 products by oneDNN are those of torch's own library to rounding, in layers, in losses and when compiled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainer.models import products
from trainer.models.next_token import next_token_loss
from trainer.models.products import OnednnLinear, has_onednn, multiply_by

WIDTH, INNER, VOCAB = 128, 512, 600

pytestmark = pytest.mark.skipif(not has_onednn(), reason="torch was built without oneDNN")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    multiply_by("torch", nn.Module())


def model_of(how: Any) -> nn.Sequential:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(WIDTH, INNER), nn.GELU(), nn.Linear(INNER, WIDTH, bias=False), nn.Linear(WIDTH, 8))
    multiply_by(how, model)
    return model


def taught(how: Any, *, compiled: bool = False) -> tuple[list[Tensor], int]:
    """Return the loss, every gradient, and the FLOP that torch counted, of a model and its output's loss."""
    model = model_of(how)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, 40, WIDTH, generator=generator).requires_grad_()
    weight = torch.randn(VOCAB, WIDTH, generator=generator).requires_grad_()
    targets = torch.randint(VOCAB, (3, 40), generator=generator)

    def loss_of(x: Tensor, weight: Tensor) -> Tensor:
        return next_token_loss(model[:3](x), weight, targets) + model(x).square().mean()

    with FlopCounterMode(display=False) as counter:
        loss = (torch.compile(loss_of) if compiled else loss_of)(x, weight)
        loss.backward()
    gradients = [each.grad for each in (x, weight, *model.parameters()) if each.grad is not None]
    return [loss.detach(), *gradients], counter.get_total_flops()


@pytest.mark.parametrize("how", ["onednn", "both"])
def test_losses_gradients_and_flop_are_those_of_torch(how: str) -> None:
    (wanted, flop), (found, same_flop) = taught("torch"), taught(how)
    assert len(found) == len(wanted) == 8
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert same_flop == flop


def test_compiled_they_are_the_same() -> None:
    for ours, theirs in zip(taught("both", compiled=True)[0], taught("torch")[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_larger_layers_take_part_and_checkpoints_are_the_same() -> None:
    model = model_of("both")
    assert [type(layer) for layer in model] == [OnednnLinear, nn.GELU, OnednnLinear, nn.Linear]
    assert model.state_dict().keys() == model_of("torch").state_dict().keys()


@pytest.mark.parametrize(("how", "calls"), [("torch", 0), ("both", 2), ("onednn", 3)])
def test_each_choice_sends_its_products_to_onednn(how: str, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counted(x: Tensor, weight: Tensor) -> Tensor:
        seen.append(x.shape)
        return x @ weight.T

    model = model_of(how)
    monkeypatch.setattr(products, "onednn_product", counted)
    model[0](torch.randn(5, WIDTH).requires_grad_()).sum().backward()
    assert len(seen) == calls


@pytest.mark.parametrize("size", [(WIDTH,), (2, WIDTH), (2, 3, 4, WIDTH)])
def test_inputs_of_any_number_of_dimensions(size: tuple[int, ...]) -> None:
    x = torch.randn(*size)
    torch.testing.assert_close(model_of("both")[0](x), model_of("torch")[0](x), rtol=1e-4, atol=1e-5)


def test_under_autocast_products_stay_with_torch() -> None:
    model = model_of("both")
    with torch.autocast("cpu", torch.bfloat16):
        assert model[0](torch.randn(4, WIDTH)).dtype == torch.bfloat16


def test_custom_operator_keeps_its_promises() -> None:
    x, weight = torch.randn(4, WIDTH), torch.randn(INNER, WIDTH)
    torch.library.opcheck(products.onednn_product, (x, weight))
    torch.library.opcheck(products.onednn_product, (x.T.contiguous().T, weight.T.contiguous().T))
