"""How deriving grows with depth; run with ``make benchmark``.

A network is built and derived at several depths, each twice the one before. Times are
process times, the median of interleaved runs: other work on the machine matters little.
The sizes are those of the largest equation, in nodes of its tree, beside the largest
one of the forward pass: a derivation must not blow up what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from statistics import median
from time import process_time

import sympy as sp

import symbackprop as sb
from symbackprop import language, library
from symbackprop.calculus import Backward, derive_backward

ROUNDS = 3

Network = Callable[[int], sb.System]


def chain(depth: int, *layers: library.Layer, **details: object) -> sb.System:
    """Some layers over and over, each time with parameters of their own."""
    copies = (type(layer)(**vars(layer)) for _ in range(depth) for layer in layers)
    return sb.Sequential(*copies).system(sb.MSELoss(), **details)


def gpt(blocks: int, heads: int = 4, features: int = 32) -> sb.System:
    """A minimal GPT that predicts the next token at every step."""
    scope = library.Scope()
    examples, steps, tokens = language.sizes("N T V")
    n, t = scope.index(examples, "n"), scope.index(steps, "t")
    labels = {"domain": language.Domain.LABEL, "classes": tokens}
    x = scope.declare("x", language.Role.INPUT, n, t, **labels)
    network = library.GPT(tokens, steps, n_layer=blocks, n_head=heads, n_embd=features)
    z = network.equations(scope, x)
    v = z.indices[-1]
    everything = sp.Sum(sp.exp(z[n, t, (w := scope.index(tokens))]), w)
    p = scope.define("p", (n, t, v), sp.exp(z[n, t, v]) / everything)
    y = scope.target(n, t, **labels)
    scope.define("L", (), -sp.Sum(sp.log(p[n, t, y[n, t]]), n, t) / (examples * steps))
    return sb.System(scope.equations, scope.tensors, minimize="L")


#: Networks of any depth, by name.
NETWORKS: Mapping[str, Network] = {
    "MLP": lambda depth: chain(depth, sb.Linear(8, 8), sb.ReLU()),
    "MLP, tanh": lambda depth: chain(depth, sb.Linear(8, 8), sb.Tanh()),
    "conv net": lambda depth: chain(
        depth, library.Conv2d(4, 4, 3, padding=1), sb.ReLU(), shape=(4, "H", "W")
    ),
    "RNN": lambda depth: chain(depth, library.RNN(8, 8, batch_first=True), shape=("T", 8)),
    "GPT": gpt,
}

#: The depths they are derived at.
DEPTHS: Mapping[str, tuple[int, ...]] = {
    "MLP": (25, 50, 100, 200),
    "MLP, tanh": (25, 50, 100),
    "conv net": (6, 12, 24),
    "RNN": (6, 12, 24),
    "GPT": (3, 6, 12, 24),
}


def largest(equations: Iterable[language.Equation]) -> int:
    """The number of nodes of the largest right side."""
    return max(sum(1 for _ in sp.preorder_traversal(e.rhs)) for e in equations)


def growth(backward: Backward) -> float:
    """The largest derived equation, as a multiple of the largest one it was derived from."""
    derived = [*backward.adjoints.values(), *backward.gradients.values()]
    return largest(derived) / largest(backward.system.equations)


def seconds(network: Network, depths: Iterable[int]) -> dict[int, tuple[float, float]]:
    """The median process time of building and of deriving a network, by its depth."""
    taken: dict[int, list[tuple[float, float]]] = {depth: [] for depth in depths}
    for _ in range(ROUNDS):
        for depth, each in taken.items():
            start = process_time()
            system = network(depth)
            built = process_time()
            backward = derive_backward(system)
            each.append((built - start, process_time() - built))
            assert list(backward.gradients) == [tensor.name for tensor in system.parameters]
    return {
        depth: (median(b for b, _ in each), median(d for _, d in each))
        for depth, each in taken.items()
    }


def main() -> None:
    """Print a line a network and depth."""
    for name, network in NETWORKS.items():
        shallow = gpt(1, heads=1, features=2) if network is gpt else network(1)
        assert sb.derive(shallow).verify(backends=()).ok
        measured = seconds(network, DEPTHS[name])
        ratios = [None, *(two[1] / one[1] for one, two in pairwise(measured.values()))]
        for (depth, (built, derived)), ratio in zip(measured.items(), ratios, strict=True):
            twice = "" if ratio is None else f", {ratio:.2f} × half the depth"
            size = growth(derive_backward(network(depth)))
            print(
                f"{name} of {depth}: built in {built:.2f} s, derived in {derived:.2f} s{twice}; "
                f"largest equation {size:.1f} × the forward's"
            )


if __name__ == "__main__":
    main()
