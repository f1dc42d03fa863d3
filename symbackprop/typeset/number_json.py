"""Numbers put through a derivation, as data: as many digits as are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symbackprop.typeset.formula_data import formula_data, formulas_data
from symbackprop.typeset.number_text import text_remark
from symbackprop.typeset.numbers import Instance, Quantity, Worked, sentences


def numbers_data(worked: Worked, language: str) -> dict[str, Any]:
    """What came out, as `json.dumps` takes it; ``numbers`` of `page_json.json_page`."""
    return {
        "sizes": {name: int(size.values.entries[()]) for name, size in worked.sizes.items()},
        "seed": worked.seed,
        "digits": worked.digits,
        "given": _quantities(worked.given.values()),
        "equations": _quantities(worked.equations.values()),
        "local": [
            {"of": name, "derivatives": _quantities(derivatives)}
            for name, derivatives in worked.local.items()
            if derivatives
        ],
        "rate": str(worked.rate.values.entries[()]),
        "updates": _quantities(worked.updates.values()),
        "after": None if worked.after is None else str(worked.after.values.entries[()]),
        "figures": _quantities(worked.figures),
        "remarks": [text_remark(remark, language) for remark in sentences(worked)],
    }


def _quantities(quantities: Iterable[Quantity]) -> list[dict[str, Any]]:
    return [_quantity(quantity) for quantity in quantities]


def _quantity(quantity: Quantity) -> dict[str, Any]:
    equation = None
    if quantity.right is not None:
        equation = {"left": formulas_data(quantity.left), "right": formula_data(quantity.right)}
    values = quantity.values
    return {
        "name": quantity.name,
        "equation": equation,
        "shape": list(values.shape),
        "complete": values.complete,
        "entries": [
            {"at": list(place), "value": str(value)} for place, value in values.entries.items()
        ],
        "worked": [_instance(instance) for instance in quantity.instances],
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "left": formula_data(instance.left),
        "right": None if instance.right is None else formula_data(instance.right),
        "value": str(instance.value),
    }
