"""Writes docs/document.md: the tutorial this project starts from, formula by formula.

Everything in it but the connecting sentences is generated: equations, gradients,
derivations, checks against PyTorch, losses. ``tests/test_docs.py`` keeps it true;
``python docs/build_document.py`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import sympy as sp

import symbackprop as sb
from symbackprop.library.activations import Activation, AlongAxis
from symbackprop.typeset import Level

PAGE = Path(__file__).with_name("document.md")
EPOCHS = 100
LEARNING_RATE = 0.01

N, D = sb.sizes("N D")
n, i = sb.index("n", N), sb.index("i", D)


def neuron() -> sb.System:
    """§4.1: y = f(Σ wᵢxᵢ + b), for a batch, with f left open; its cost is upstream's."""
    f = sp.Function("f", real=True)
    x, g = sb.input("x", n, i), sb.input("g", n)
    w, b = sb.parameter("w", i), sb.parameter("b")
    y = sb.intermediate("y", n)
    return sb.System(
        [
            sb.Equation(y, f(sp.Sum(w[i] * x[n, i], i) + b[()])),
            sb.Equation(sb.intermediate("L"), sp.Sum(g[n] * y[n], n)),
        ],
        [x, g, w, b],
        minimize="L",
    )


def mean_squared_error() -> sb.System:
    """§4.2: MSE = 1/n Σ (yᵢ - ŷᵢ)²."""
    k = sb.index("i", "n")
    truth = sb.target("y", k)
    prediction = sb.parameter("yhat", k, latex=r"\hat{y}")
    mse = sp.Sum((truth[k] - prediction[k]) ** 2, k) / sb.size("n")
    return sb.System(
        [sb.Equation(sb.intermediate("MSE"), mse)], [truth, prediction], minimize="MSE"
    )


def cross_entropy() -> sb.System:
    """§4.2: CE = -Σ yᵢ log(ŷᵢ), a sum over one example, on probabilities."""
    k = sb.index("i", "n")
    truth = sb.target("y", k, domain="unit")
    prediction = sb.parameter("yhat", k, latex=r"\hat{y}", domain="positive")
    ce = -sp.Sum(truth[k] * sp.log(prediction[k]), k)
    return sb.System([sb.Equation(sb.intermediate("CE"), ce)], [truth, prediction], minimize="CE")


def network() -> sb.Sequential:
    """§5: the 10-20-1 network."""
    return sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))


def training_data() -> dict[str, np.ndarray]:
    """Inputs and targets for §5, which gives none: a smooth function of noise, seeded."""
    rng = np.random.default_rng(20240607)
    inputs = rng.standard_normal((64, 10))
    targets = np.sin(inputs[:, :1]) + 0.5 * inputs[:, 1:2] * inputs[:, 2:3]
    return {"x": inputs, "y": targets}


def losses_here(backend: str = "numpy") -> list[float]:
    """The loss of every epoch of the program of §5, by the compiled training step."""
    derivation = sb.derive(network().system(sb.MSELoss()))
    step = derivation.training_step(sb.SGD(lr=LEARNING_RATE), backend)
    values = {**network().initial_parameters(seed=0), **training_data()}
    losses = []
    for _ in range(EPOCHS):
        loss, changed = step(values)
        values.update(changed)
        losses.append(float(loss))
    return losses


def losses_in_pytorch() -> list[float]:
    """The same program, with torch.nn, autograd and torch.optim, from the same weights."""
    import torch
    from torch import nn, optim

    torch.set_default_dtype(torch.float64)
    try:
        model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
        weights = network().initial_parameters(seed=0)
        names = network().parameter_names
        model.load_state_dict(
            {key: torch.as_tensor(weights[names[key]]) for key in model.state_dict()}
        )
        data = {name: torch.as_tensor(values) for name, values in training_data().items()}
        criterion = nn.MSELoss()
        optimizer = optim.SGD(model.parameters(), lr=LEARNING_RATE)
        losses = []
        for _ in range(EPOCHS):
            loss = criterion(model(data["x"]), data["y"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses
    finally:
        torch.set_default_dtype(torch.float32)


def checked(derivation: sb.Derivation) -> str:
    """One line per oracle that compared something; raises if one of them disagrees."""
    report = derivation.verify()
    report.raise_if_failed()
    tolerances: dict[str, float] = {}
    for row in report.rows:
        tolerances[row.oracle] = max(row.tolerance, tolerances.get(row.oracle, 0.0))
    lines = []
    for oracle, tolerance in tolerances.items():
        count = sum(row.oracle == oracle for row in report.rows)
        plural = "comparison" if count == 1 else "comparisons, each"
        lines.append(f"- `{oracle}`: {count} {plural} to a relative error below {tolerance:.0e}")
    return "Checked against independent oracles:\n\n" + "\n".join(lines)


def section(title: str, *paragraphs: str) -> str:
    """A heading and what stands under it."""
    return "\n\n".join([f"## {title}", *paragraphs])


def derived(system: sb.System, level: Level = "all") -> str:
    """Equations, the derivation and its checks."""
    derivation = sb.derive(system)
    return "\n\n".join([derivation.markdown(level=level), checked(derivation)])


def optimizer_equations(optimizer: sb.Optimizer) -> str:
    """An optimizer's update of one parameter, typeset."""
    parameter = sb.parameter("w", i, latex="w")
    gradient = sb.input("g", i)
    system = optimizer.system(parameter, gradient)
    rows = [
        sb.latex_equation(equation, system.tensors).replace("=", "&=", 1)
        for equation in system.equations
    ]
    return "```math\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n```"


def schedule_equations() -> str:
    """Each learning-rate schedule's equation in the step t."""
    lines = []
    for schedule in (
        sb.StepLR(step_size=30),
        sb.ExponentialLR(gamma=0.95),
        sb.CosineAnnealingLR(T_max=100),
        sb.InverseTimeLR(decay=0.1),
    ):
        system = sb.SGD(schedule=schedule).system(sb.parameter("w", i, latex="w"), sb.input("g", i))
        rate = sb.latex_equation(system.definitions["eta"], system.tensors)
        lines.append(f"`{schedule}`\n\n```math\n{rate}\n```")
    return "\n\n".join(lines)


def program() -> str:
    """§5 run twice, and what came out."""
    here, there = losses_here(), losses_in_pytorch()
    worst = max(abs(a - b) / abs(b) for a, b in zip(here, there, strict=True))
    if worst > 1e-10:
        raise AssertionError(f"the two programs part by {worst:.1e}")
    shown = [1, 2, 3, 50, EPOCHS]
    lines = [f"Epoch [{epoch}/{EPOCHS}], Loss: {here[epoch - 1]:.4f}" for epoch in shown]
    return (
        "```text\n" + "\n".join(lines) + "\n```\n\n"
        f"The same weights and data, run through `torch.nn`, `loss.backward()` and "
        f"`torch.optim.SGD`, give the loss of every one of the {EPOCHS} epochs to within "
        "1e-10 in float64."
    )


def whole() -> str:
    """The page."""
    net = network()
    derivation = sb.derive(net.system(sb.MSELoss()))
    step = derivation.training_step(sb.SGD(lr=LEARNING_RATE))
    parameters = sum(array.size for array in net.initial_parameters().values())
    softmax = sb.Sequential(sb.Linear("D", "K")).system(sb.CrossEntropyLoss())
    penalised = sb.Sequential(sb.Linear("D", "K")).system(
        sb.MSELoss(), penalties=[sb.L2(0.01), sb.L1(0.001)]
    )
    sections = [
        "# The tutorial, formula by formula",
        "This page goes through the tutorial on backpropagation with PyTorch that this project "
        "starts from, section by section: what it says, the equation in this library, the "
        "gradient with its derivation, and the check against PyTorch. It is generated by "
        "`docs/build_document.py`; a test keeps it equal to what the code says today. "
        "Sections without a formula or a program are named with what answers them here.",
        section(
            "1 Background (背景介绍)",
            "Deep learning, and PyTorch with its automatic differentiation. No formula. Here "
            "PyTorch is an oracle: every gradient below is derived as an equation first, and "
            "`torch.autograd` is asked afterwards.",
        ),
        section(
            "2.1 Neural networks (神经网络基础)",
            "A neuron weighs its inputs, adds them up and applies an activation; losses measure "
            "the error; optimizers change the parameters. The equations stand in section 4. "
            f"Activations here: {names(activations())}. "
            f"Losses: {names(sb.LOSSES)}. Optimizers: {names(sb.OPTIMIZERS)}.",
        ),
        section(
            "2.2 Backpropagation (反向传播算法)",
            "The chain rule: the derivative of a composition is the product of the derivatives. "
            "In index notation a tensor's adjoint is a sum over everything that uses it, and a "
            "Kronecker delta says which element was used. For the neuron's weights the four "
            "lines of section 4.1 are all there is to it. Gradient descent follows in 4.3.",
        ),
        section(
            "2.3 Autograd (PyTorch 中的自动求导机制)",
            "`torch.autograd` computes the numbers. `sb.derive` gives the equations whose "
            "values they are; every check on this page compares the two.",
        ),
        section(
            "3 The four steps (核心算法原理具体操作步骤)",
            "Forward pass, loss, backward pass, update. In generated code they are one function, "
            "each line under the equation it computes. This is the training step of the program "
            "in section 5:",
            f"```python\n{step.source.strip()}\n```",
        ),
        section(
            "4.1 The neuron (神经元模型)",
            "The tutorial: $y = f(\\sum_{i=1}^n w_i x_i + b)$. Here it is written for a batch, "
            "with $f$ left open; $g_n$ is what arrives from above, $\\partial L/\\partial y_n$.",
            derived(neuron()),
        ),
        section(
            "4.2 Losses (损失函数)",
            "**Mean squared error.** The tutorial: "
            "$MSE = \\frac{1}{n} \\sum_{i=1}^n (y_i - \\hat y_i)^2$. "
            "`nn.MSELoss()` is the same for one output; with several outputs it divides by their "
            "number too.",
            derived(mean_squared_error()),
            "**Cross-entropy.** The tutorial: $CE = -\\sum_{i=1}^n y_i \\log(\\hat y_i)$.",
            derived(cross_entropy()),
            "**Where the tutorial and PyTorch part.** The tutorial's CE is a *sum* over the "
            "classes of *one example*, on *probabilities*. It equals "
            '`nll_loss(log(ŷ), reduction="sum")`. '
            "`nn.CrossEntropyLoss` is a *mean* over the batch, on *logits*: it applies the "
            "softmax itself. Giving it probabilities applies the softmax twice. Its gradient "
            "by the logits is the softmax minus the one-hot label, over N:",
            derived(softmax),
        ),
        section(
            "4.3 Gradient descent (梯度下降)",
            "The tutorial: $w_i = w_i - \\alpha \\frac{\\partial L}{\\partial w_i}$. "
            "Optimizers are equations too, typeset and compiled like any other. `SGD()`, with "
            "$g = \\partial L/\\partial w$ and the learning rate called $\\eta$ as in most books:",
            optimizer_equations(sb.SGD()),
            "The tutorial names Adam (2.1.3). `Adam()`:",
            optimizer_equations(sb.Adam()),
        ),
        section(
            "5 The program (项目实践)",
            f"A 10-20-1 network with ReLU, {parameters} parameters, `MSELoss`, "
            f"`SGD(lr={LEARNING_RATE})`, {EPOCHS} epochs. The tutorial gives no inputs; these "
            "are 64 seeded rows, all in one batch as in its program.",
            "```python\n"
            "net = sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))\n"
            "d = sb.derive(net.system(sb.MSELoss()))\n"
            "step = d.training_step(sb.SGD(lr=0.01))\n"
            'values = {**net.initial_parameters(), "x": inputs, "y": targets}\n'
            "for epoch in range(100):\n"
            "    loss, changed = step(values)\n"
            "    values.update(changed)\n"
            '    print(f"Epoch [{epoch + 1}/100], Loss: {loss:.4f}")\n'
            "```",
            program(),
            "Its gradients, with every equation in matrix form:",
            derivation.markdown(notation="matrix", level="key"),
            checked(derivation),
        ),
        section(
            "6–8 Applications, resources, outlook (应用场景、工具和资源、总结)",
            "No formula and no program. Interpretability, which the tutorial names as a "
            "challenge, is what this project is for: the gradient as algebra that can be read.",
        ),
        section(
            "9 Questions and answers (常见问题与解答)",
            "**Which learning rate?** The tutorial: small, and smaller as training goes on. "
            "Schedules are equations in the step $t$, counted from 1:",
            schedule_equations(),
            "**Overfitting?** More data, regularisation, dropout. A penalty is a term of the "
            "objective, so its gradient is derived with the rest:",
            derived(penalised, level="key"),
            "**How good is the model?** `symbp train` reports accuracy, precision, recall and F1 "
            "on held-out data, or MSE and R² for a regression.",
        ),
    ]
    return "\n\n".join(sections) + "\n"


def names(listed: Iterable[str]) -> str:
    """Names as a sentence part."""
    return ", ".join(f"`{name}`" for name in listed)


def activations() -> list[str]:
    """The layers that are activations."""
    kinds = (Activation, AlongAxis)
    return [name for name, layer in sb.LAYERS.items() if issubclass(layer, kinds)]


if __name__ == "__main__":
    PAGE.write_text(whole(), encoding="utf-8")
