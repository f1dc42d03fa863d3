"""The grammar for models, losses and optimizers: what it reads, and how it refuses."""

import builtins
import os

import pytest

from symbackprop.errors import ModelError, OptionError, SymbackpropError, UnknownNameError
from symbackprop.interop.model_text import Argument, parse, read_all, read_one
from symbackprop.library import (
    LAYERS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Adam,
    CrossEntropyLoss,
    LeakyReLU,
    Linear,
    MSELoss,
    ReLU,
    StepLR,
)


@pytest.mark.parametrize(
    "text",
    [
        "Linear(10, 20) ReLU Linear(20, 1)",
        "Linear(10, 20), ReLU(), Linear(20, 1),",
        "  Linear(10,20)\n\tReLU\nLinear(in_features=20,out_features=1,)",
    ],
)
def test_layers_are_separated_by_space_or_commas(text):
    assert read_all(text, LAYERS) == [Linear(10, 20), ReLU(), Linear(20, 1)]


def test_bare_names_are_symbolic_sizes():
    assert read_all("Linear(D, H, bias=False)", LAYERS) == [Linear("D", "H", bias=False)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3", -3),
        ("+0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("2.", 2.0),
        ("True", True),
        ("False", False),
        ("None", None),
        ("Nonesuch", "Nonesuch"),
        ("'a b'", "a b"),
        ('"(c"', "(c"),
        ("(0.9, 0.99)", (0.9, 0.99)),
        ("(1,)", (1,)),
        ("(1)", 1),
        ("()", ()),
        ("((1, 2), x)", ((1, 2), "x")),
    ],
)
def test_literals(text, value):
    (call,) = parse(f"Some(key={text})")
    (argument,) = call.arguments
    assert argument == Argument("key", value)
    assert type(argument.value) is type(value)


def test_losses_optimizers_and_schedules_are_read_alike():
    assert read_one("MSELoss", LOSSES) == MSELoss()
    smoothed = read_one("CrossEntropyLoss(label_smoothing=0.1)", LOSSES)
    assert smoothed == CrossEntropyLoss(label_smoothing=0.1)
    assert read_one("Adam(0.01, (0.9, 0.99))", OPTIMIZERS) == Adam(0.01, (0.9, 0.99))
    assert read_one("StepLR(30, gamma=0.5)", SCHEDULES) == StepLR(30, gamma=0.5)
    assert read_all("LeakyReLU(0.2)", LAYERS) == [LeakyReLU(0.2)]


@pytest.mark.parametrize("name", ["__import__('os').getcwd()", "__import__('os')", "os.getcwd()"])
def test_nothing_is_evaluated(name, monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("text was evaluated")

    for function in ("eval", "exec"):
        monkeypatch.setattr(builtins, function, refuse)
    monkeypatch.setattr(os, "getcwd", refuse)
    with pytest.raises(SymbackpropError) as caught:
        read_all(name, LAYERS)
    assert caught.value.exit_code == 2


def caret(error):
    """The character of the shown line that the caret stands under."""
    shown, under = error.where.split("\n")
    return shown[under.index("^") - len("  in: ") :]


@pytest.mark.parametrize(
    ("text", "what", "at", "place"),
    [
        ("Linear(10 20)", "expected ')' or ',', found '20'", "20)", "line 1, column 11"),
        ("Linear(10, 20", "expected ')' or ',', found the end", "", "line 1, column 14"),
        ("ReLU\nLinear(3, 2) §", "expected ',' or a name, found '§'", "§", "line 2, column 14"),
        ("Linear(Linear(1, 2), 3)", "found '('", "(1, 2), 3)", "line 1, column 14"),
        ("7", "expected a name or the end, found '7'", "7", "line 1, column 1"),
        ("ReLU 'a", 'found "\'"', "'a", "line 1, column 6"),
    ],
)
def test_unreadable_text_is_shown_with_a_caret(text, what, at, place):
    with pytest.raises(ModelError, match="cannot be read") as caught:
        read_all(text, LAYERS)
    assert what in caught.value.what
    assert caret(caught.value).removesuffix(f"   ({place})") == at
    assert place in caught.value.where


def test_long_texts_are_cut_around_the_place():
    text = "ReLU " * 100 + "Relu " + "ReLU " * 100
    with pytest.raises(UnknownNameError) as caught:
        read_all(text, LAYERS)
    assert caret(caught.value).startswith("Relu ReLU")
    assert len(caught.value.where.split("\n")[0]) < 110
    assert "column 501" in caught.value.where


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("Linear(3)", "Linear needs out_features", "write Linear(in_features, out_features, bias"),
        ("Linear", "Linear needs in_features and out_features", "write Linear("),
        ("Linear(1, 2, True, W, 5)", "takes 4 arguments, but 5 are given", "write Linear("),
        ("Linear(1, 2, True, 4)", "weight=4 is not a name", "weight='W'"),
        ("ReLU(1)", "takes no arguments, but 1", "write ReLU()"),
        ("LeakyReLU(1, 2)", "takes 1 argument, but 2", "write LeakyReLU("),
        ("Linear(1, 2, in_features=3)", "in_features is given twice", "write Linear("),
        ("Linear(1, bias=True, bias=True)", "bias is given twice", "write Linear("),
        ("Linear(bias=True, 2, 3)", "2 follows a named argument", "write Linear("),
        ("Linear(0, 3)", "in_features=0 is not a size", "in_features"),
        ("Linear(2.5, 3)", "in_features=2.5 is not a size", "in_features"),
        ("", "names no layer", "Linear"),
        (" ", "names no layer", "Linear"),
    ],
)
def test_arguments_that_do_not_fit_are_named(text, what, remedy):
    with pytest.raises(ModelError) as caught:
        read_all(text, LAYERS)
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_unknown_names_are_met_with_a_suggestion():
    with pytest.raises(UnknownNameError, match="unknown layer 'Linea'") as caught:
        read_all("ReLU Linea(2, 3)", LAYERS)
    assert caught.value.remedy.startswith("did you mean 'Linear'?")
    assert caret(caught.value).startswith("Linea(2, 3)")
    with pytest.raises(UnknownNameError, match="unknown argument of Linear 'biased'") as caught:
        read_all("Linear(2, 3, biased=False)", LAYERS)
    assert caught.value.remedy.startswith("did you mean 'bias'?")


def test_values_out_of_range_are_shown_in_the_text():
    with pytest.raises(OptionError, match="lr=-1") as caught:
        read_one("Adam(lr=-1)", OPTIMIZERS)
    assert caret(caught.value).startswith("Adam(lr=-1)")
    with pytest.raises(OptionError, match="betas"):
        read_one("Adam(betas=0.9)", OPTIMIZERS)


def test_one_is_one():
    with pytest.raises(ModelError, match="one loss is needed, not 2") as caught:
        read_one("MSELoss L1Loss", LOSSES)
    assert caret(caught.value).startswith("L1Loss")
