"""PyTorch: tensors on a CPU or a GPU, without autograd; fit for `torch.compile`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from symbackprop.compile.backend import Backend
from symbackprop.errors import CompileError
from symbackprop.language import Spelling

_SCATTER = """\
def _scatter(values, labels, extent):
    # rows that have the same label are added up
    tail = values.shape[labels.ndim :]
    rows = values.new_zeros((extent, *tail))
    return rows.index_add(0, labels.reshape(-1), values.reshape(-1, *tail))"""

_WINDOW = """\
def _window(array, *axes):
    # array at start + step·i + …, 0 outside it; an axis is None or (start, (step, count), …)
    places = [
        axis or (0, (1, extent))
        for axis, extent in zip(axes + (None,) * array.ndim, array.shape)
    ]
    ends = [[step * (count - 1) for step, count in steps] for _, *steps in places]
    before = [
        max(0, -start - sum(end for end in own if end < 0))
        for (start, *_), own in zip(places, ends)
    ]
    after = [
        max(0, start + sum(end for end in own if end > 0) + 1 - extent)
        for (start, *_), own, extent in zip(places, ends, array.shape)
    ]
    if any(before) or any(after):
        pads = [pad for pair in zip(before[::-1], after[::-1]) for pad in pair]
        array = torch.nn.functional.pad(array, pads)
    # PyTorch's strides are not negative: such an axis is read forwards, then turned round
    first = [
        b + start + sum(end for end in own if end < 0)
        for b, (start, *_), own in zip(before, places, ends)
    ]
    corner = array[tuple(slice(start, None) for start in first)]
    shape = [count for _, *steps in places for _, count in steps]
    strides = [
        abs(step) * stride
        for (_, *steps), stride in zip(places, array.stride())
        for step, _ in steps
    ]
    view = corner.as_strided(shape, strides)
    steps = [step for _, *steps in places for step, _ in steps]
    turned = [axis for axis, step in enumerate(steps) if step < 0]
    return view.flip(turned) if turned else view"""
_PUT = """\
def _put(values, *axes):
    # values added up at start + step·i + …, dropped outside; an axis is None or
    # (extent, start, step, …), with a step for each axis of the values that goes there
    shape, inside, moves, loops, place = [], [], [], [], 0
    for axis in axes:
        extent, start, *steps = axis or (values.shape[place], 0, 1)
        own = range(place, place + len(steps))
        for number, step in zip(own, steps):
            if step < 0:
                values = values.flip(number)
                start += step * (values.shape[number] - 1)
        steps = [abs(step) for step in steps]
        counts = [values.shape[number] for number in own]
        longest = counts.index(max(counts))
        loops += [range(1 if n == longest else count) for n, count in enumerate(counts)]
        before = max(0, -start)
        end = start + sum(step * (count - 1) for step, count in zip(steps, counts))
        shape.append(before + max(extent, end + 1))
        inside.append(slice(before, before + extent))
        moves.append((own, longest, before + start, steps))
        place += len(steps)
    total = values.new_zeros(shape)
    for at in itertools.product(*loops):
        source, goal = list(at), []
        for own, longest, start, steps in moves:
            first = start + sum(step * at[number] for number, step in zip(own, steps))
            long, step = own[longest], steps[longest]
            source[long] = slice(None)
            goal.append(slice(first, first + step * (values.shape[long] - 1) + 1, step))
        total[tuple(goal)] += values[tuple(source)]
    return total[tuple(inside)]"""


class TorchBackend(Backend):
    """Source that needs only PyTorch."""

    name = "torch"
    title = "PyTorch"
    import_line = "import torch"
    module = "torch"
    window = _WINDOW
    put = _PUT
    dtypes: ClassVar = {"float32": "torch.float32", "float64": "torch.float64"}
    devices = ("cpu", "cuda")

    def decorators(self, guarded: bool) -> Sequence[str]:
        """No autograd: the gradients are equations of their own."""
        return ("@torch.no_grad()",)

    def reduction(self, kind: str, argument: str, axes: Sequence[int] | None) -> str:
        """``torch.sum(x, dim=1)``."""
        function = {"max": "torch.amax"}.get(kind, f"torch.{kind}")
        if axes is None:
            return f"{function}({argument})"
        return f"{function}({argument}, dim={axes[0] if len(axes) == 1 else tuple(axes)})"

    def transposition(self, argument: str, order: Sequence[int]) -> str:
        """``x.T``, ``x.permute(0, 2, 1)``."""
        if tuple(order) == (1, 0):
            return f"{argument}.T"
        return f"{argument}.permute({', '.join(map(str, order))})"

    def selection(self, condition: str, yes: str, no: str) -> str:
        """``torch.where(z > 0, u, 0.0)``."""
        return f"torch.where({condition}, {yes}, {no})"

    def choice(self, condition: str, yes: str, no: str, hosts: Sequence[bool]) -> str:
        """``(u if t > 0 else torch.full_like(u, 0.0))``."""
        _, yes_is_number, no_is_number = hosts
        if yes_is_number:
            yes = f"torch.full_like({no}, {yes})"
        elif no_is_number:
            no = f"torch.full_like({yes}, {no})"
        return f"({yes} if {condition} else {no})"

    def limited(self, operation: str, array: str, limit: str) -> str:
        """``torch.clamp(x, min=0.5)``: `torch.maximum` takes no plain numbers."""
        keyword = {"maximum": "min", "minimum": "max"}[operation]
        return f"torch.clamp({array}, {keyword}={limit})"

    def cast(self, condition: str) -> str:
        """``(z > 0).to(DTYPE)``."""
        return f"{condition}.to(DTYPE)"

    def root(self, argument: str) -> str:
        """``torch.sqrt(x)``."""
        return f"torch.sqrt({argument})"

    def positions(self, extent: str, whole: bool, like: str) -> str:
        """``torch.arange(K, device=x.device)``."""
        return f"torch.arange({extent}{'' if whole else ', dtype=DTYPE'}{_beside(like)})"

    def filled(self, shape: str, value: str, like: str) -> str:
        """``torch.full((N, K), 1.0, dtype=DTYPE, device=x.device)``."""
        return f"torch.full({shape}, {value}, dtype=DTYPE{_beside(like)})"

    def allocated(self, shape: str, zeros: bool, like: str) -> str:
        """``torch.empty((T, N), dtype=DTYPE, device=x.device)``."""
        return f"torch.{'zeros' if zeros else 'empty'}({shape}, dtype=DTYPE{_beside(like)})"

    def spread(self, argument: str, shape: str) -> str:
        """``torch.broadcast_to(x, (N, K)).clone()``."""
        return f"torch.broadcast_to({argument}, {shape}).clone()"

    def copied(self, argument: str) -> str:
        """``x.T.clone()``."""
        return f"{argument}.clone()"

    def einsum(self, pattern: str, left: str, right: str) -> str:
        """``torch.einsum("nij,njk->nik", a, b)``."""
        return f'torch.einsum("{pattern}", {left}, {right})'

    def scattered(self, values: str, labels: str, extent: str) -> Spelling:
        """``_scatter(values, labels, K)``."""
        return Spelling(f"_scatter({values}, {labels}, {extent})", _SCATTER)

    def joined(self, arrays: str, axis: int) -> str:
        """``torch.cat([a, b], dim=1)``."""
        return f"torch.cat({arrays}, dim={axis})"

    def check_device(self, device: str) -> None:
        """Raise `CompileError` if there is no GPU."""
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise CompileError(
                "device 'cuda' was asked for, but PyTorch sees no GPU here",
                remedy="use device='cpu', or a PyTorch built for the GPU of this computer",
            )

    def owns(self, value: Any) -> bool:
        """Whether it is a tensor; there is none before torch was imported."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(value, torch.Tensor)

    def array(self, value: Any, dtype: str, device: str) -> Any:
        """The value as a tensor on the device, sharing memory where it can."""
        import torch

        if not isinstance(value, torch.Tensor):
            value = torch.as_tensor(np.require(value, dtype, ["C", "W"]))
        return value.detach().to(device=device, dtype=getattr(torch, dtype))

    def to_numpy(self, value: Any) -> Any:
        """A tensor copied to the CPU if it is not there; a number of no rank."""
        array = value.detach().cpu().numpy()
        return array if array.ndim else array[()]


def _beside(like: str) -> str:
    """The argument that puts a new tensor on the device of another."""
    return f", device={like}.device" if like else ""
