"""How gradients change the weights: AdamW, or Muon for the matrices inside the model with AdamW for the rest. Tables that say
so (`sparse`) have their own Adam, which touches the rows that a step has read and no others; decay would touch them all.

Decay pulls on matrices alone: norms and biases have nothing to gain from zero. One object holds both optimisers, so that
the loop has one thing to step, to save and to load; its state is saved by the name of the parameter.

Sources: Loshchilov and Hutter 2019 (AdamW), Jordan et al. 2024 (Muon).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import InputError, SpecError
from trainer.sections import OptimizerSpec

MUON_MOMENTUM = 0.95
NORM_EPS = 1e-6
"""As torch's own clipping has it."""


class Optimizer:
    """The optimisers of one model. `rates` are peaks; `step` takes the fraction of them that the schedule gives."""

    def __init__(
        self,
        model: nn.Module,
        spec: OptimizerSpec,
        *,
        hidden_matrices: Iterable[str],
        rate_scales: Mapping[str, float] | None = None,
        zeros_stay: Iterable[str] = (),
    ) -> None:
        self.spec = spec
        self.scales = dict(rate_scales or {})
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not self.parameters:
            raise SpecError("transfer.freeze_layers leaves nothing that learns; make it smaller")
        self.pruned = [self.parameters[name] for name in zeros_stay if name in self.parameters]
        sparse = [name for name in sparse_tables(model) if name in self.parameters]
        hidden = {name for name in hidden_matrices if name in self.parameters} if spec.name == "muon" else set()
        self.optimizers: list[torch.optim.Optimizer] = []
        self.rates = []
        if adam := [name for name in self.parameters if name not in hidden and name not in sparse]:
            self.optimizers.append(make_adamw(self.by_scale(adam), spec))
            self.rates.append(spec.learning_rate)
        if hidden:
            self.optimizers.append(make_muon(self.by_scale(sorted(hidden)), spec))
            self.rates.append(spec.muon_learning_rate)
        if sparse:
            self.optimizers.append(make_sparse_adam(self.by_scale(sparse), spec))
            self.rates.append(spec.learning_rate)

    def by_scale(self, names: Iterable[str]) -> dict[float, list[nn.Parameter]]:
        """Return the parameters of these names by the fraction of the learning rate that they learn at."""
        found: dict[float, list[nn.Parameter]] = {}
        for name in names:
            found.setdefault(self.scales.get(name, 1.0), []).append(self.parameters[name])
        return found

    @torch.no_grad()
    def step(self, rate_fraction: float, scaler: torch.amp.GradScaler | None = None) -> None:
        """Change the weights. Of a pruned matrix what is zero stays zero: that follows from the weights alone, as saved."""
        stays = [parameter != 0 for parameter in self.pruned]
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_fraction * group["scale"]
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)  # passes over a step whose gradients overflowed
        if scaler is not None:
            scaler.update()
        for parameter, mask in zip(self.pruned, stays, strict=True):
            parameter.mul_(mask)

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the state as tensors by `<parameter>|<what>`."""
        found = {}
        for name, parameter in self.parameters.items():
            for optimizer in self.optimizers:
                for key, value in optimizer.state.get(parameter, {}).items():
                    found[f"{name}|{key}"] = value if isinstance(value, Tensor) else torch.tensor(value)
        return found

    def empty_state(self, described: Mapping[str, tuple[torch.Size, torch.dtype]]) -> dict[str, Tensor]:
        """Return tensors to read a stored state into, laid out as the parameters are: in parts where they are."""
        found = {}
        for joined, (size, dtype) in described.items():
            parameter = self.parameter_of(joined, size)
            found[joined] = torch.empty_like(parameter, dtype=dtype) if size else torch.zeros((), dtype=dtype)
        return found

    def parameter_of(self, joined: str, size: torch.Size) -> nn.Parameter:
        """Return the parameter that a piece of state is of; raise `InputError` if it is of another model."""
        name = joined.rsplit("|", 1)[0]
        parameter = self.parameters.get(name)
        if parameter is None or (size and size != parameter.shape):
            raise InputError(f"the checkpoint's optimiser state of {name} does not fit this model")
        return parameter

    @torch.no_grad()
    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take over the state that `state_tensors` gave; raise `InputError` if it is of another model."""
        for joined, tensor in tensors.items():
            key = joined.rsplit("|", 1)[1]
            parameter = self.parameter_of(joined, tensor.shape)
            owner = next(o for o in self.optimizers if any(parameter is p for g in o.param_groups for p in g["params"]))
            # the step counts stay where the optimiser made them: on the processor, unless it is fused
            device = parameter.device if tensor.ndim or owner.defaults.get("fused") else torch.device("cpu")
            if tensor.ndim:  # laid out as the parameter is: fused steps walk both in the order of memory
                owner.state[parameter][key] = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            elif isinstance(owner, torch.optim.SparseAdam):
                owner.state[parameter][key] = int(tensor)
            else:
                owner.state[parameter][key] = tensor.to(device)


def make_adamw(by_scale: Mapping[float, list[nn.Parameter]], spec: OptimizerSpec) -> torch.optim.AdamW:
    groups: list[dict[str, Any]] = []
    for scale, every in by_scale.items():
        groups.append({"params": [p for p in every if p.ndim >= 2], "weight_decay": spec.weight_decay, "scale": scale})
        groups.append({"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0, "scale": scale})
    device = next(p for every in by_scale.values() for p in every).device
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=spec.learning_rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.eps,
        fused=device.type in ("cpu", "cuda"),
    )


def make_muon(by_scale: Mapping[float, list[nn.Parameter]], spec: OptimizerSpec) -> torch.optim.Muon:
    groups = [{"params": matrices, "scale": scale} for scale, matrices in by_scale.items()]
    return torch.optim.Muon(
        groups,  # type: ignore[arg-type]
        lr=spec.muon_learning_rate,
        momentum=MUON_MOMENTUM,
        weight_decay=spec.weight_decay,
    )


def make_sparse_adam(by_scale: Mapping[float, list[nn.Parameter]], spec: OptimizerSpec) -> torch.optim.SparseAdam:
    groups = [{"params": tables, "scale": scale} for scale, tables in by_scale.items()]
    return torch.optim.SparseAdam(groups, lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), eps=spec.eps)


def sparse_tables(model: nn.Module) -> list[str]:
    """Return the names of the tables whose gradients hold only the rows that were read."""
    tables = (nn.Embedding, nn.EmbeddingBag)
    return [
        f"{name}.weight".lstrip(".") for name, part in model.named_modules() if isinstance(part, tables) and part.sparse
    ]


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale the gradients down to a norm of `limit`; return the norm that they had. Sparse ones count by their rows."""
    values = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
        values.append(parameter.grad._values() if parameter.grad.is_sparse else parameter.grad)
    norm = nn.utils.get_total_norm(values)
    if not is_within(norm, limit):
        torch._foreach_mul_(values, (limit / (norm + NORM_EPS)).clamp(max=1.0))
    return norm


def is_within(norm: Tensor, limit: float) -> bool:
    """Say whether scaling would change nothing, where asking is free: a graphics processor would have to be waited for."""
    return type(norm) is Tensor and norm.device.type == "cpu" and norm.item() + NORM_EPS <= limit
