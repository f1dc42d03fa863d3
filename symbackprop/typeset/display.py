"""What Jupyter shows of equations, systems and derivations: LaTeX between dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from symbackprop.calculus import Backward
from symbackprop.language import Equation, System, Tensor
from symbackprop.language.display import WRITERS
from symbackprop.typeset.compose import Composer, described
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.page_latex import aligned_equations, given_rows, section_blocks
from symbackprop.typeset.page_markdown import JUPYTER, displayed


def displayed_equations(
    equations: Iterable[Equation], tensors: Mapping[str, Tensor], objective: str = "L"
) -> str:
    """Equations of one system, aligned, as Jupyter displays them."""
    return displayed(_rows(equations, EquationWriter(tensors, objective=objective)))


def displayed_derivation(backward: Backward) -> str:
    """The gradients, and the adjoints that they mention, as Jupyter displays them."""
    page = Composer(backward).page()
    (section,) = page.sections("result")
    blocks = section_blocks(section, "index", "result", "en", room=JUPYTER.width)
    return displayed([row for block in blocks for row in block])


def _system(system: System) -> str:
    writer = EquationWriter(system.tensors, objective=system.objective or "L")
    given = [described(tensor, writer.context) for tensor in system.given]
    equations = displayed(_rows(system.equations, writer))
    rows = given_rows(tuple(given), "en")
    return f"{displayed(rows)}\n\n{equations}" if rows else equations


def _equation(equation: Equation) -> str:
    """An equation alone: of its tensors no more is known than their names."""
    names = {equation.name, *equation.used_names}
    return displayed_equations([equation], {name: Tensor(name) for name in names})


def _rows(equations: Iterable[Equation], writer: EquationWriter) -> list[str]:
    sides = [(writer.sides(equation), writer.base(equation)) for equation in equations]
    return aligned_equations(sides, JUPYTER.width)


WRITERS[System] = _system
WRITERS[Equation] = _equation
