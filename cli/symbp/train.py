"""``symbp train``: train a network on data, by its own derived gradients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import Progress

from symbackprop.compile import BACKENDS
from symbackprop.errors import OptionError
from symbackprop.interop.equation_text import load as load_equations
from symbackprop.interop.model_text import read_one
from symbackprop.library import LOSSES, OPTIMIZERS, SCHEDULES, Optimizer
from symbackprop.train import checkpoints
from symbackprop.train.checkpoints import Checkpoint
from symbackprop.train.data import load, split
from symbackprop.train.equations import SystemTask, read_rows
from symbackprop.train.fitting import (
    batch_size_for,
    laid_out,
    loss_for,
    needs_of,
    network_for,
    sized,
)
from symbackprop.train.loop import Epoch, Regime
from symbackprop.train.run import Engine, Run
from symbackprop.train.tasks import NetworkTask, Task
from symbackprop.typeset import WORDS, phrase
from symbp.common import (
    Shape,
    input_option,
    is_equation_file,
    language_option,
    no_axes_to_choose,
    no_loss_to_choose,
    read_network,
    size_option,
)


@dataclass(frozen=True)
class Request:
    """The command's argument and options."""

    model: str | None
    data: str
    target: str | None
    loss: str | None
    shape: Shape
    sizes: Mapping[str, int]
    epochs: int
    batch_size: int | None
    optimizer: str
    lr: float | None
    schedule: str | None
    weight_decay: float | None
    backend: str
    dtype: Literal["float32", "float64"]
    seed: int
    out: Path | None
    language: str


@click.command(name="train")
@click.argument("model", required=False)
@click.option(
    "--data",
    default="digits",
    show_default=True,
    metavar="digits|iris|FILE.csv|FILE.npz",
    help="The rows to learn from. A CSV file's last column is the target; "
    "an NPZ file holds arrays x and y, or those that an equation file names.",
)
@click.option("--target", metavar="NAME", help="The target column of a CSV file, if not the last.")
@click.option(
    "--loss",
    metavar="LOSS",
    help="The loss; by default CrossEntropyLoss for labels, MSELoss for numbers.",
)
@input_option
@size_option
@click.option("--epochs", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="By default 64, or an eighth of the rows where they are few.",
)
@click.option(
    "--optimizer",
    default="Adam",
    show_default=True,
    metavar="OPTIMIZER",
    help="Such as SGD(momentum=0.9, nesterov=True).",
)
@click.option("--lr", type=click.FloatRange(min=0), help="The learning rate, if not PyTorch's.")
@click.option(
    "--schedule",
    metavar="SCHEDULE",
    help="How the rate changes with the optimizer's steps, such as "
    "StepLR(step_size=300, gamma=0.5).",
)
@click.option("--weight-decay", type=click.FloatRange(min=0), help="The optimizer's weight decay.")
@click.option("--backend", type=click.Choice(list(BACKENDS)), default="numpy", show_default=True)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float64", show_default=True
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=0,
    show_default=True,
    help="Of the split, the initial parameters and the order of the rows.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep parameters.npz, history.json and settings.json in this folder.",
)
@language_option
def command(**options: Any) -> None:
    """Train a network by the gradients derived from its equations.

    A fifth of the rows is held out and measured on in the end. MODEL and the loss are
    chosen to fit the data unless given. Before the first epoch the generated gradient
    is compared with PyTorch's autograd; if they differ, nothing is trained.

    MODEL may be the path of an equation file, FILE.eqs. Then --data is an NPZ file with
    an array for every input and target, whose first axes all are the batch, and the
    loss is what the file minimizes. Parameters begin as uniform numbers.

    \b
    Examples:
      symbp train
      symbp train --data iris --epochs 50 --lr 0.01
      symbp train "Linear(64, 128) ReLU Linear(128, 10)" --loss CrossEntropyLoss
      symbp train "Linear(64, 32) BatchNorm1d(32) ReLU Dropout(0.3) Linear(32, 10)"
      symbp train "Linear(D, 32) Tanh Linear(32, 1)" --data prices.csv --target price
      symbp train --optimizer "SGD(momentum=0.9)" --schedule "StepLR(500)" --out runs/1
      symbp train mixture.eqs --data points.npz --size H=16
    """
    request = Request(**options)
    if request.out is not None:
        checkpoints.require_writable(request.out)
    task = _task(request)
    run = Run(task, Engine(request.backend, request.dtype))
    words = partial(phrase, language=request.language)
    click.echo("\n".join(task.description(request.language)))
    error = run.check_gradient()
    click.echo(words("train-gradient").format(error=f"{error:.0e}"))
    history = tuple(_shown(run.epochs(), request.epochs, words("train-bar")))
    metrics = run.metrics()
    measures = (f"{_measure(name, words)} {value:.4f}" for name, value in metrics.items())
    click.echo(words("train-held-out").format(measures=words("comma").join(measures)))
    if request.out is not None:
        settings = _settings(request, task, metrics)
        checkpoints.save(request.out, Checkpoint(run.parameters, history, settings, run.buffers))
        click.echo(words("train-kept").format(folder=request.out))


# --- what is asked for ------------------------------------------------------------------


def _task(request: Request) -> Task:
    """What to train, with all that was not given chosen to fit the rest."""
    optimizer = _optimizer(request)
    if request.model is not None and is_equation_file(request.model):
        return _equations(request, request.model, optimizer)
    if request.sizes:
        raise OptionError(
            "the sizes of a network are written in MODEL, or told by the data",
            where="--size",
            remedy="write numbers, as in Linear(64, 16); --size is for equation files",
        )
    loss = None if request.loss is None else read_one(request.loss, LOSSES)
    network = None if request.model is None else read_network(request.model)
    data = load(request.data, needs_of(network, loss, request.shape), target=request.target)
    network = network_for(data) if network is None else sized(network, data)
    shape = laid_out(network, data, request.shape)
    parts = split(data, request.seed, scaled=network.classes is None)
    regime = _regime(request, len(parts.train.x))
    return NetworkTask(network, loss or loss_for(data), optimizer, parts, regime, shape)


def _equations(request: Request, source: str, optimizer: Optimizer) -> Task:
    """What to train, if MODEL is an equation file."""
    if request.loss is not None:
        raise no_loss_to_choose()
    if request.shape is not None:
        raise no_axes_to_choose()
    if request.target is not None:
        raise OptionError(
            "an equation file names its targets, so there is none to choose",
            where="--target",
            remedy="leave --target out",
        )
    system = load_equations(source)
    data = read_rows(system, request.data, request.seed, request.sizes)
    return SystemTask(source, system, optimizer, data, _regime(request, data.count))


def _regime(request: Request, rows: int) -> Regime:
    batch_size = request.batch_size or batch_size_for(rows)
    return Regime(request.epochs, batch_size, request.seed)


def _optimizer(request: Request) -> Optimizer:
    """The optimizer, with the options that change it."""
    optimizer = read_one(request.optimizer, OPTIMIZERS)
    schedule = None if request.schedule is None else read_one(request.schedule, SCHEDULES)
    changes = {"lr": request.lr, "weight_decay": request.weight_decay, "schedule": schedule}
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return replace(optimizer, **given)


# --- what is shown ----------------------------------------------------------------------


def _measure(name: str, words: Callable[[str], str]) -> str:
    """What a reader calls a measure; F1, MSE and R² are called so everywhere."""
    key = f"measure-{name}"
    return words(key) if key in WORDS["en"] else name


def _shown(epochs: Iterable[Epoch], count: int, label: str) -> Iterator[Epoch]:
    """Print a line for each epoch as it ends, with a bar where a person is watching."""
    terminal = Console(stderr=True)
    bar = Progress(
        console=terminal,
        transient=True,
        disable=not terminal.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        training = bar.add_task(label, total=count)
        for epoch in epochs:
            line = f"Epoch [{epoch.number}/{count}], Loss: {epoch.loss:.4f}"
            if terminal.is_terminal and sys.stdout.isatty():
                # On one screen the line goes above the bar, which only the bar can do.
                terminal.print(line, markup=False, highlight=False)
            else:
                click.echo(line)
            bar.advance(training)
            yield epoch


def _settings(request: Request, task: Task, metrics: Mapping[str, float]) -> dict[str, Any]:
    """What the run was, and what it takes to use its parameters on new rows."""
    return {
        **task.settings(),
        "optimizer": str(task.optimizer),
        "data": request.data,
        "target": request.target,
        "epochs": request.epochs,
        "batch_size": task.regime.batch_size,
        "backend": request.backend,
        "dtype": request.dtype,
        "seed": request.seed,
        "metrics": dict(metrics),
    }
