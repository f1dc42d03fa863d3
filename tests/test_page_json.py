"""Derivations as data: what the schema says, and all of the derivation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from balanced import check_latex
from jsonschema import Draft202012Validator
from page_systems import PAGES

import symbackprop.library as lib
from symbackprop.calculus import derive_backward
from symbackprop.explanation import explained
from symbackprop.interop.examples import example
from symbackprop.interop.numbers import drawn_numbers
from symbackprop.typeset import JSON_SCHEMA, Checked, Composer, json_derivation, json_page

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs" / "derivation.schema.json").read_text("utf-8"))


def valid(data: object) -> dict:
    """The data as they are read again, if the schema allows them."""
    read = json.loads(json.dumps(data, allow_nan=False))
    Draft202012Validator(SCHEMA).validate(read)
    return read


def formulas(data: object) -> list[str]:
    """All LaTeX in it."""
    if isinstance(data, dict):
        own = [data["latex"]] if "latex" in data else []
        return own + [latex for value in data.values() for latex in formulas(value)]
    return [latex for item in data for latex in formulas(item)] if isinstance(data, list) else []


def test_the_schema_is_one_and_names_the_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == JSON_SCHEMA
    assert not Draft202012Validator(SCHEMA).is_valid({"schema": JSON_SCHEMA})


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_what_the_schema_says(name: str) -> None:
    for language in ("en", "zh"):
        data = valid(json_derivation(derive_backward(*PAGES[name]()), language))
        for latex in formulas(data):
            check_latex(latex)


@pytest.fixture(scope="module")
def classifier():
    layers = lib.Linear(7, 5), lib.Sigmoid(), lib.Linear(5, 3)
    return derive_backward(lib.Sequential(*layers).system(lib.CrossEntropyLoss()))


def test_it_has_every_gradient_in_every_notation_and_every_step(classifier) -> None:
    data = valid(json_derivation(classifier))
    gradients = {entry["of"]: entry for entry in data["gradients"]}
    assert list(gradients) == ["W1", "b1", "W2", "b2"]
    assert gradients["W1"]["name"] == "dW1"
    equation = gradients["W1"]["equation"]
    assert equation["index"]["left"][0]["latex"] == r"\frac{\partial L}{\partial W^{(1)}_{ji}}"
    assert equation["index"]["right"] == {
        "latex": r"\sum_{n} \delta^{(1)}_{nj} x_{ni}",
        "text": "Σₙ δ1[n,j]·x[n,i]",
    }
    assert equation["row"]["right"]["latex"] == r"{\delta^{(1)}}^{\top} x"
    assert equation["column"]["right"]["latex"] == r"\delta^{(1)} x^{\top}"
    derived = [*data["backward"], *data["gradients"]]
    rules = {step["rule"] for entry in derived for step in entry["steps"]}
    assert rules >= {"chain-rule", "contract-delta", "fold-definition", "inline-adjoint"}
    for entry in derived:
        for step, following in zip(entry["steps"], entry["steps"][1:], strict=False):
            assert step["after"] == following["before"]
    why = next(e for e in data["backward"] if e["of"] == "p")["steps"][0]["why"]
    assert why.startswith("p affects the result only through the equations that use it")


def test_numbers_are_there_to_all_digits() -> None:
    known = example("mazur")
    system = known.system()
    backward = derive_backward(system, known.wrt)
    page = explained(backward, numbers=known.numbers(system))
    for language in ("en", "zh"):
        data = valid(json_page(page, language))["numbers"]
        for latex in formulas(data):
            check_latex(latex)
    assert data["rate"] == "0.5"
    assert data["after"].startswith("0.2910277736935993508")
    assert len(data["after"]) > 45
    (error,) = [q for q in data["equations"] if q["name"] == "E_o"]
    assert error["shape"] == [2]
    assert error["complete"]
    assert error["entries"][0]["at"] == [0]
    assert error["entries"][0]["value"].startswith("0.274811083")
    assert error["worked"][0]["right"]["text"] == "1/2 · (0.01 − 0.751365070)²"
    assert any("0.291027924" in remark for remark in data["remarks"])
    (slope,) = [q for local in data["local"] for q in local["derivatives"]
                if q["name"] == "out_h/net_h"]  # fmt: skip
    assert slope["equation"]["right"]["text"] == "out_h[h]·(1 − out_h[h])"


@pytest.mark.parametrize("name", ["i_masked_attention", "first_max_pool", "g_two_back"])
def test_drawn_numbers_are_what_the_schema_says(name: str) -> None:
    backward = derive_backward(*PAGES[name]())
    data = valid(json_page(explained(backward, numbers=drawn_numbers(backward))))["numbers"]
    assert data["seed"] == 0
    assert {q["name"] for q in data["given"]} == {t.name for t in backward.system.given}


def test_folded_blocks_are_all_there() -> None:
    layers = [part for _ in range(12) for part in (lib.Linear("D", "D"), lib.Tanh())]
    backward = derive_backward(lib.Sequential(*layers).system(lib.MSELoss()))
    data = valid(json_derivation(backward))
    assert len(data["forward"]) == len(backward.system.equations)
    assert len(data["given"]) == len(backward.system.given)
    assert len(data["summary"]) >= len(backward.gradients)
    folded = valid(json_page(explained(backward)))
    assert len(folded["forward"]) == len(data["forward"])


def test_labels_base_cases_and_checks_have_their_place() -> None:
    data = valid(json_derivation(derive_backward(*PAGES["g_linear_rnn"]())))
    state = next(entry for entry in data["forward"] if entry["equation"]["index"]["base"])
    assert state["equation"]["index"]["base"][0]["left"]["text"].startswith("h[")
    page = Composer(derive_backward(*PAGES["c_softmax_regression"]())).page(
        "softmax", checked=Checked(50, 2, {"N": 3}, 17, 1e-55)
    )
    data = valid(json_page(page))
    assert data["title"] == "softmax"
    assert data["checked"]["equalities"] == 17
    assert [g["greatest"]["text"] for g in data["given"] if g["role"] == "label"] == ["E − 1"]
