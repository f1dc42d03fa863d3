"""The front door: what `derive` takes, and what it says of what it cannot take."""

import pytest

import symbackprop as sb
from symbackprop.errors import EquationError

NET = sb.Sequential(sb.Linear(3, 5), sb.Tanh(), sb.Linear(5, 2))


def test_a_single_name_may_be_given_without_a_list():
    derivation = sb.derive(NET.system(sb.MSELoss()), wrt="W1")
    assert list(derivation.gradients) == ["W1"]


@pytest.mark.parametrize("thing", [NET, [NET], None, sb.MSELoss()])
def test_what_is_no_system_is_told_how_to_become_one(thing):
    with pytest.raises(EquationError) as caught:
        sb.derive(thing)
    assert f"a {type(thing).__name__} cannot be derived" in str(caught.value)
    assert "net.system(sb.MSELoss())" in caught.value.remedy
