"""What layers refuse, and what they say then: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import symbackprop as sb
from symbackprop.errors import ModelError, OptionError, ShapeError

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: sb.Conv2d(3, 5, (3, 3, 3)),
        OptionError,
        "kernel_size=(3, 3, 3) is not",
    ),
    (lambda: sb.Conv2d(3, 5, 0), OptionError, "kernel_size=0"),
    (lambda: sb.Conv1d(3, 5, 3, stride=0), OptionError, "stride=0"),
    (lambda: sb.Conv1d(3, 5, 3, padding=-1), OptionError, "padding=-1"),
    (lambda: sb.Conv1d(3, 5, 3, padding="full"), OptionError, "padding='full'"),
    (lambda: sb.Conv1d(3, 5, 3, stride=2, padding="same"), OptionError, "only with stride 1"),
    (lambda: sb.Conv1d(3, 5, 3, padding_mode="reflect"), OptionError, "padding_mode='reflect'"),
    (lambda: sb.Conv1d(3, 6, 3, groups=2), OptionError, "groups=2 does not divide 3"),
    (lambda: sb.Conv1d("C", 6, 3, groups=2), OptionError, "groups=2 does not divide C"),
    (lambda: sb.Conv1d(0, 6, 3), ModelError, "in_channels=0 is not a size"),
    (lambda: sb.ConvTranspose1d(3, 5, 3, 2, output_padding=2), OptionError, "output_padding=2"),
    (lambda: sb.ConvTranspose1d(3, 5, 3, padding="same"), OptionError, "padding='same'"),
    (lambda: sb.MaxPool1d(3, padding=2), OptionError, "padding=2 is more than half"),
    (lambda: sb.MaxPool1d(3, return_indices=True), OptionError, "return_indices=True"),
    (lambda: sb.AvgPool2d(2, divisor_override=0), OptionError, "divisor_override=0"),
    (lambda: sb.AdaptiveAvgPool2d((2, 3, 4)), OptionError, "output_size=(2, 3, 4)"),
    (lambda: sb.AdaptiveAvgPool1d(0), OptionError, "output_size=0"),
    (lambda: sb.LSTM(3, 5, proj_size=2), OptionError, "proj_size=2"),
    (lambda: sb.RNN(3, 5, nonlinearity="sigmoid"), OptionError, "nonlinearity='sigmoid'"),
    (lambda: sb.GRU(3, 5, dropout=0.5), OptionError, "dropout is between layers"),
    (lambda: sb.GRU(3, 5, output="first"), OptionError, "output='first'"),
    (lambda: sb.MultiheadAttention(7, 2), OptionError, "2 heads cannot share 7 features"),
    (lambda: sb.MultiheadAttention("E", 2), OptionError, "2 heads cannot share E features"),
    (lambda: sb.MultiheadAttention(6, 2, add_zero_attn=True), OptionError, "add_zero_attn=True"),
    (lambda: sb.MultiheadAttention(6, 2, add_bias_kv=True), OptionError, "add_bias_kv=True"),
    (lambda: sb.MultiheadAttention(6, 2, kdim=5), OptionError, "sizes of further inputs"),
    (lambda: sb.MultiheadAttention(6, 2, attn_mask="both"), OptionError, "attn_mask='both'"),
    (lambda: sb.TransformerEncoderLayer(6, 2, activation="elu"), OptionError, "activation='elu'"),
    (lambda: sb.TransformerEncoderLayer(7, 2), OptionError, "2 heads cannot share 7 features"),
    (lambda: sb.GPT(11, 7, 0, 2, 6), OptionError, "n_layer=0"),
]


@pytest.mark.parametrize(("make", "error", "what"), REFUSED, ids=[what for _, _, what in REFUSED])
def test_arguments_out_of_range_are_refused(
    make: Callable[[], Any], error: type[Exception], what: str
) -> None:
    with pytest.raises(error) as caught:
        make()
    assert what in caught.value.what  # type: ignore[attr-defined]
    assert caught.value.where  # type: ignore[attr-defined]
    assert caught.value.remedy  # type: ignore[attr-defined]


UNFIT: list[tuple[sb.Layer, tuple[Any, ...], str]] = [
    (sb.Conv2d(3, 5, 3), (7,), "takes tensors of shape (channels, height, width)"),
    (sb.Conv1d(3, 5, 3), (2, 7), "needs 3 channels"),
    (sb.Conv1d(3, 5, 11), (3, 7), "the kernel spans 11 positions, the padded axis has 7"),
    (sb.ConvTranspose1d(3, 5, 2, padding=3), (3, 5), "leaves nothing"),
    (sb.MaxPool2d(2), (3,), "takes tensors of shape (channels, height, width)"),
    (sb.MaxPool1d(2, ceil_mode=True), (3, "H"), "depends on the number"),
    (sb.AdaptiveAvgPool1d(2), (3, 4, 5), "takes tensors of shape (channels, length)"),
    (sb.LSTM(3, 5, batch_first=True), (7, 2), "takes sequences of shape (steps, 3)"),
    (sb.MultiheadAttention(6, 2), (5,), "takes sequences of shape (steps, 6)"),
]


@pytest.mark.parametrize(("layer", "shape", "what"), UNFIT, ids=[str(one[0]) for one in UNFIT])
def test_inputs_that_do_not_fit_are_named(
    layer: sb.Layer, shape: tuple[Any, ...], what: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        sb.Sequential(layer).system(sb.MSELoss(), shape=shape)
    assert what in caught.value.what
    assert caught.value.remedy


def test_lists_are_read_as_tuples() -> None:
    assert sb.Conv2d(3, 5, [3, 2]) == sb.Conv2d(3, 5, (3, 2))
    assert hash(sb.AdaptiveAvgPool2d([2, None])) == hash(sb.AdaptiveAvgPool2d((2, None)))


def test_sizes_of_outputs_are_expressions_of_the_inputs() -> None:
    H = sb.size("H")
    cases = {
        sb.Conv1d(3, 5, 3, padding=1): H,
        sb.Conv1d(3, 5, 3): H - 2,
        sb.Conv1d(3, 5, 4, padding="same"): H,
        sb.ConvTranspose1d(3, 5, 3, stride=2, padding=1): 2 * H - 1,
    }
    for layer, extent in cases.items():
        system = sb.Sequential(layer).system(sb.MSELoss(), shape=(3, "H"))
        assert system.tensors["z1"].shape[-1] == extent
    halved = sb.Sequential(sb.MaxPool1d(2)).system(sb.MSELoss(), shape=(3, "H"))
    found = halved.tensors["a0"].shape[-1]
    assert [found.subs(H, n) for n in (2, 5, 6)] == [1, 2, 3]
