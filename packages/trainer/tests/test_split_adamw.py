"""AdamW with split float32 weights against torch's AdamW on float32 weights."""

from __future__ import annotations

import copy

import pytest
import torch

from prometheus_trainer.split_adamw import SplitAdamW, join, split


def test_every_float32_is_split_and_joined_exactly() -> None:
    words = torch.randint(-(2**31), 2**31 - 1, (1_000_000,), dtype=torch.int64).to(torch.int32)
    edges = torch.tensor(
        [0, -0x80000000, 0x3F800000, 0x3F807FFF, 0x3F808000, 0x00008000, 0x00007FFF, 0x7F7F7FFF]
    )
    weights = torch.cat([words, edges.to(torch.int32)]).view(torch.float32)
    weights = weights[weights.isfinite() & (weights.abs() < 3e38)]  # above, bfloat16 rounds to infinity
    parameter, rest = split(weights)
    assert torch.equal(join(parameter, rest).view(torch.int32), weights.view(torch.int32))
    # Rounded to the nearest; torch rounds ties to even, this away from zero.
    ties = (weights.view(torch.int32) & 0xFFFF) == 0x8000
    assert torch.equal(parameter[~ties], weights.to(torch.bfloat16)[~ties])


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_it_steps_as_adamw_does_on_float32_weights(weight_decay: float) -> None:
    torch.manual_seed(3)
    start = (torch.randn(37, 11) * 0.02).to(torch.bfloat16)
    ours = torch.nn.Parameter(start.clone())
    theirs = torch.nn.Parameter(start.float())
    settings = {"lr": 1e-5, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": weight_decay}
    optimizer, reference = SplitAdamW([ours], **settings), torch.optim.AdamW([theirs], **settings)
    for step in range(200):
        gradient = torch.randn(37, 11).to(torch.bfloat16)
        ours.grad, theirs.grad = gradient, gradient.float()
        for each in (optimizer, reference):
            each.param_groups[0]["lr"] = 1e-5 * (1 + step % 7)
            each.step()
    weights = join(ours.detach(), optimizer.state[ours]["rest"])
    torch.testing.assert_close(weights, theirs.detach(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(
        ours.detach().float(), theirs.detach().to(torch.bfloat16).float(), rtol=2**-8, atol=0
    )


def test_small_updates_add_up_that_bfloat16_alone_would_lose() -> None:
    parameters = [torch.nn.Parameter(torch.full((4,), 0.5, dtype=torch.bfloat16)) for _ in range(2)]
    split_one, plain = (
        SplitAdamW([parameters[0]], lr=1e-5),
        torch.optim.AdamW([parameters[1]], lr=1e-5, weight_decay=0),
    )
    for _ in range(1000):
        for parameter, optimizer in zip(parameters, (split_one, plain), strict=True):
            parameter.grad = torch.ones(4, dtype=torch.bfloat16)
            optimizer.step()
    assert parameters[0].tolist() == pytest.approx([0.49] * 4, abs=0.001)
    assert parameters[1].tolist() == [0.5] * 4


def test_a_loaded_state_goes_on_bit_for_bit() -> None:
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(50).to(torch.bfloat16))
    optimizer = SplitAdamW([parameter], lr=1e-3)
    gradients = [torch.randn(50).to(torch.bfloat16) for _ in range(6)]

    def steps(optimizer: SplitAdamW, parameter: torch.nn.Parameter, which: list[torch.Tensor]) -> None:
        for gradient in which:
            parameter.grad = gradient
            optimizer.step()

    steps(optimizer, parameter, gradients[:3])
    again = torch.nn.Parameter(parameter.detach().clone())
    other = SplitAdamW([again], lr=1.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(optimizer, parameter, gradients[3:])
    steps(other, again, gradients[3:])
    assert torch.equal(parameter, again)
    assert torch.equal(optimizer.state[parameter]["rest"], other.state[again]["rest"])


def test_float32_parameters_among_others_are_stepped_as_by_adamw() -> None:
    torch.manual_seed(5)
    start = torch.randn(20)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    other = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    settings = {"lr": 1e-3, "weight_decay": 0.1}
    optimizers = SplitAdamW([other, ours], **settings), torch.optim.AdamW([theirs], **settings)
    for _ in range(20):
        other.grad = torch.ones_like(other)
        ours.grad = theirs.grad = torch.randn(20)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)
    assert "rest" not in optimizers[0].state[ours]


def test_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match=r"bfloat16 and float32 parameters, not torch\.float16"):
        SplitAdamW([torch.nn.Parameter(torch.zeros(2, dtype=torch.float16))])
