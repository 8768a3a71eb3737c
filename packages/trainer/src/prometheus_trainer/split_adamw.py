"""AdamW with float32 weights behind bfloat16 parameters, in 14 bytes a parameter instead of 16.

A bfloat16 number is the upper half of a float32. The parameter that the model computes with is that half, rounded; an
int16 beside it keeps the rest, so that together they are the float32 weight: no second copy of the upper half, and no
update is lost because it is smaller than the last digit of bfloat16 (at a learning rate of 1e-5, nearly every one).

The bits: word = (parameter << 16) + rest with a signed rest; the parameter is (word + 0x8000) >> 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class SplitAdamW(torch.optim.Optimizer):
    """``torch.optim.AdamW`` for bfloat16 parameters with float32 weights, moments and arithmetic.

    float32 parameters, which some models keep among those of 16 bits, are stepped as they are; other types are refused
    with a ValueError. The result is that of torch's AdamW on float32 copies but
    for the order of roundings within a step. State of a parameter: ``step`` (int), ``exp_avg`` and ``exp_avg_sq``
    (float32), and ``rest`` (int16) of a bfloat16 one, each of its shape.
    Source of the formula: Loshchilov and Hutter, arXiv 1711.05101.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.dtype not in (torch.bfloat16, torch.float32):
                    raise ValueError(
                        f"SplitAdamW takes bfloat16 and float32 parameters, not {parameter.dtype}"
                    )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads a state as it is: torch would turn every tensor of it into the parameter's type."""
        super().load_state_dict(state_dict)
        saved = [index for group in state_dict["param_groups"] for index in group["params"]]
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for index, parameter in zip(saved, parameters, strict=True):
            if index in state_dict["state"]:
                self.state[parameter] = {
                    key: value.to(parameter.device, copy=True) if torch.is_tensor(value) else value
                    for key, value in state_dict["state"][index].items()
                }

    def _update(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            if parameter.dtype is torch.bfloat16:
                state["rest"] = torch.zeros_like(parameter, dtype=torch.int16)
            state["exp_avg"] = torch.zeros_like(parameter, dtype=torch.float32)
            state["exp_avg_sq"] = torch.zeros_like(parameter, dtype=torch.float32)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        numbers: Any = (
            group["lr"] / (1 - beta1 ** state["step"]),
            (1 - beta2 ** state["step"]) ** 0.5,
            1 - group["lr"] * group["weight_decay"],
            beta1,
            beta2,
            group["eps"],
        )
        if parameter.dtype is torch.float32:
            moments = (state["exp_avg"], state["exp_avg_sq"])
            _step(parameter, parameter.grad, *moments, *numbers)
            return
        tensors: Any = (parameter, parameter.grad, state["rest"], state["exp_avg"], state["exp_avg_sq"])
        if parameter.is_cuda and all(each.is_contiguous() for each in tensors):
            from prometheus_trainer.split_adamw_kernel import update_by_triton

            update_by_triton(*tensors, *numbers)
        else:
            _update_by_torch(*tensors, *numbers)


def join(parameter: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """The float32 weights of a bfloat16 parameter and its rest."""
    upper = parameter.view(torch.int16).to(torch.int32) << 16
    return (upper + rest.to(torch.int32)).view(torch.float32)


def split(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The bfloat16 parameter and its int16 rest of float32 weights, the inverse of :func:`join`."""
    word = weights.contiguous().view(torch.int32)
    upper = (word + 0x8000) >> 16
    return upper.to(torch.int16).view(torch.bfloat16), (word - (upper << 16)).to(torch.int16)


def _update_by_torch(
    parameter: torch.Tensor,
    gradient: torch.Tensor,
    rest: torch.Tensor,
    exp_avg: torch.Tensor,
    exp_avg_sq: torch.Tensor,
    *numbers: float,
) -> None:
    weights = join(parameter, rest)
    _step(weights, gradient, exp_avg, exp_avg_sq, *numbers)
    upper, lower = split(weights)
    parameter.copy_(upper)
    rest.copy_(lower)


def _step(
    weights: torch.Tensor,
    gradient: Any,
    exp_avg: torch.Tensor,
    exp_avg_sq: torch.Tensor,
    step_size: float,
    correction: float,
    decay: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """One step on float32 ``weights``, in place."""
    gradient = gradient.float()
    exp_avg.mul_(beta1).add_(gradient, alpha=1 - beta1)
    exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    weights.mul_(decay)
    weights.addcdiv_(exp_avg, exp_avg_sq.sqrt().div_(correction).add_(eps), value=-step_size)
