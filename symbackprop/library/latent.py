"""Latent variables: a sample from a distribution that the layers before describe, and its ELBO.

Kingma and Welling, Auto-Encoding Variational Bayes (arXiv 1312.6114). PyTorch has
neither; both are a few lines there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.errors import ModelError
from symbackprop.language import Domain, SizeLike, Tensor, size, softplus
from symbackprop.library.layers import LAYERS, SIZE, Layer, require_features, require_sizes
from symbackprop.library.losses import LOSSES, Loss, TargetKind, sum_over
from symbackprop.library.records import exact, require_choice, require_range
from symbackprop.library.scope import Latent, Scope


@LAYERS.add
@dataclass(frozen=True)
class GaussianSample(Layer):
    """``z = m + exp(s/2)*noise``: a sample from the normal distribution that is asked for.

    The input's last axis holds the means m, then the logarithms s of the variances. The
    noise is drawn for each batch; in evaluation z is m. What `ELBOLoss` says of it is
    part of the objective.

    Parameters
    ----------
    latent_features
        How many numbers a sample has: half as many as the layer before gives.
    """

    latent_features: SizeLike = field(metadata=SIZE)

    def __post_init__(self) -> None:
        require_sizes(self, "latent_features")

    @property
    def further(self) -> tuple[str, ...]:
        """The noise."""
        return ("noise",)

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return 2 * size(self.latent_features), size(self.latent_features)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the mean m, the logarithm s of the variance, and the sample."""
        require_features(self, a)
        scope.layer += 1
        *leading, i = a.indices
        k = scope.index(self.latent_features)
        indices = (*leading, k)
        m = scope.local("m", indices, sp.Sum(sp.KroneckerDelta(i, k) * a.element, i))
        s = scope.local("s", indices, a[(*leading, k + size(self.latent_features))])
        scope.latents.append(Latent(m, s))
        if not scope.training:
            return m
        noise = scope.noise(indices)
        return scope.activation(indices, m.element + sp.exp(s.element / 2) * noise.element)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class ELBOLoss(Loss):
    """The negative evidence lower bound of a variational autoencoder, over the examples.

    Reconstruction, plus beta times the divergence -½·Σ (1 + s - m² - exp(s)) of each
    `GaussianSample` of the network from the standard normal distribution: Kingma and
    Welling (arXiv 1312.6114), equation 10; beta as in Higgins et al., beta-VAE (2017).

    Parameters
    ----------
    likelihood
        ``"bernoulli"`` if the network gives logits for a target in [0, 1], ``"gaussian"``
        if it gives means: ½·(a - y)².
    beta
        The weight of the divergence.
    """

    likelihood: str = "bernoulli"
    beta: float = 1.0

    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "likelihood", ("bernoulli", "gaussian"))
        require_range(self, "beta", 0)

    @property
    def target_kind(self) -> TargetKind:
        """What is reconstructed."""
        return TargetKind.UNIT if self.likelihood == "bernoulli" else TargetKind.REAL

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add the reconstruction and the divergence of each example's latents."""
        if not scope.latents:
            raise ModelError(
                "the network has no latent variable, so there is no bound to compute",
                where=str(self),
                remedy="let it have a GaussianSample between encoder and decoder",
            )
        a, y = (
            prediction.element,
            scope.target(*prediction.indices, domain=Domain(self.target_kind)),
        )
        bernoulli = self.likelihood == "bernoulli"
        each = softplus(a) - y.element * a if bernoulli else (a - y.element) ** 2 / 2
        total = sum_over(each, prediction.indices)
        for latent in scope.latents:
            m, s = latent.mean.element, latent.log_variance.element
            divergence = sum_over((m**2 + sp.exp(s) - 1 - s) / 2, latent.mean.indices)
            total += exact(self.beta) * divergence
        return total if self.reduction == "sum" else total / prediction.shape[0]
