"""What hangs in the gallery: systems, by the name of their page, with titles and sources.

Most are the systems that the tests of typesetting run over (`tests/page_systems.py`); what a
derivation is compared with is named beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward, derive_hessian, derive_jacobian
from symbackprop.interop.numbers import NumberSet

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import page_systems  # noqa: E402 (the systems that the tests run over)


@dataclass(frozen=True)
class Piece:
    """One page of the gallery.

    Attributes
    ----------
    english, chinese
        Its title.
    source
        Where the result is published, or what it is; if not a title, in both languages.
    derived
        Makes the derivation.
    telling
        The tensor whose derivative stands on the index page.
    numbers
        Those that are put through it, if any are.
    """

    english: str
    chinese: str
    source: str | tuple[str, str]
    derived: Callable[[], Backward]
    telling: str
    numbers: Callable[[Backward], NumberSet] | None = None


def _written(name: str) -> Callable[[], Backward]:
    return lambda: derive_backward(*page_systems.PAGES[name]())


def _hessian(name: str) -> Callable[[], Backward]:
    build, parameter = page_systems.SECOND_ORDER[name]
    return lambda: derive_hessian(build(), parameter)


def _network(net: sb.Sequential, loss: sb.Loss) -> Callable[[], Backward]:
    return lambda: derive_backward(net.system(loss))


def _file(name: str) -> Callable[[], Backward]:
    return lambda: derive_backward(sb.load(ROOT / "examples" / name))


def _mazur() -> Backward:
    known = sb.example("mazur")
    return derive_backward(known.system(), known.wrt)


def _softmax() -> Backward:
    return derive_jacobian(page_systems.softmax_cross_entropy(), "p", ["z"])


def _adam() -> Backward:
    """One step of Adam, and how the new weight answers to the gradient."""
    row, column = sb.index("i", "H"), sb.index("j", "D")
    weight, gradient = sb.parameter("theta", row, column), sb.input("g", row, column)
    return derive_jacobian(sb.Adam().system(weight, gradient), "theta_next", ["g"])


#: By group, then by the name of the file.
GALLERY: Mapping[tuple[str, str], Mapping[str, Piece]] = {
    ("Feedforward networks", "前馈网络"): {
        "document": Piece(
            "The tutorial's 10-20-1 network",
            "教程中的 10-20-1 网络",
            ("the tutorial this project starts from", "本项目所依据的教程"),
            _network(sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1)), sb.MSELoss()),
            "z1",
        ),
        "nielsen": Piece(
            "The four equations of backpropagation",
            "反向传播的四个方程",
            "Nielsen, Neural Networks and Deep Learning, chapter 2",
            _written("a_nielsen"),
            "z1",
        ),
        "mazur": Piece(
            "A step of backpropagation in numbers",
            "反向传播的一步，代入数值",
            sb.example("mazur").source,
            _mazur,
            "net_h",
            lambda backward: sb.example("mazur").numbers(backward.system),
        ),
        "relu-neuron": Piece(
            "A neuron with ReLU and its squared error",
            "ReLU 神经元与平方误差",
            "Parr and Howard, The Matrix Calculus You Need For Deep Learning",
            _written("e_relu_neuron"),
            "z",
        ),
        "penalised-network": Piece(
            "Two layers with weight decay",
            "带权重衰减的两层网络",
            "Goodfellow, Bengio and Courville, Deep Learning, section 6.5.7",
            _written("f_penalised_network"),
            "W1",
        ),
        "product": Piece(
            "A product of matrices",
            "矩阵乘积",
            "Goodfellow, Bengio and Courville, Deep Learning, section 6.5.6",
            _written("f_product"),
            "A",
        ),
        "softmax-regression": Piece(
            "Softmax regression with cross-entropy",
            "softmax 回归与交叉熵",
            "Stanford CS231n",
            _written("c_softmax_regression"),
            "z",
        ),
    },
    ("Normalisation", "归一化"): {
        "batch-norm": Piece(
            "Batch normalisation",
            "批量归一化",
            "Stanford CS231n",
            _written("c_batch_norm"),
            "x",
        ),
        "batch-norm-bessel": Piece(
            "Batch normalisation with Bessel's correction",
            "带贝塞尔校正的批量归一化",
            "Karpathy, makemore part 4",
            _written("d_bessel_norm"),
            "x",
        ),
        "layer-norm": Piece(
            "Layer normalisation",
            "层归一化",
            "Ba, Kiros and Hinton 2016",
            _written("j_layer_norm"),
            "x",
        ),
        "rms-norm": Piece(
            "Root mean square normalisation",
            "均方根归一化",
            "Zhang and Sennrich 2019",
            _written("j_rms_norm"),
            "x",
        ),
    },
    ("Convolution", "卷积"): {
        "convolution": Piece(
            "A convolution, padded: its kernel comes back rotated",
            "带填充的卷积：反向时卷积核旋转 180°",
            ("a cross-correlation, as in PyTorch", "互相关运算，与 PyTorch 一致"),
            _written("k_convolution"),
            "x",
        ),
        "strided-convolution": Piece(
            "A convolution with stride 2",
            "步幅为 2 的卷积",
            ("a cross-correlation, as in PyTorch", "互相关运算，与 PyTorch 一致"),
            _written("k_strided_convolution"),
            "x",
        ),
        "cnn": Piece(
            "A convolutional network",
            "卷积神经网络",
            "examples/cnn.eqs",
            _file("cnn.eqs"),
            "K1",
        ),
    },
    ("Sequences", "序列"): {
        "linear-rnn": Piece(
            "Backpropagation through time",
            "通过时间反向传播",
            "Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 9.7",
            _written("g_linear_rnn"),
            "h",
        ),
        "lstm": Piece(
            "An LSTM",
            "长短期记忆网络（LSTM）",
            "Hochreiter and Schmidhuber 1997",
            _written("h_lstm"),
            "c",
        ),
    },
    ("Attention", "注意力"): {
        "attention": Piece(
            "Attention: D = rowsum(dO ⊙ O) is proved",
            "注意力：证明 D = rowsum(dO ⊙ O)",
            "Dao, Fu, Ermon, Rudra and Ré 2022, appendix B",
            _written("i_attention"),
            "S",
        ),
        "masked-attention": Piece(
            "Causal attention",
            "因果注意力",
            ("the same, where s ≤ t", "同上，限于 s ≤ t"),
            _written("i_masked_attention"),
            "S",
        ),
        "transformer-block": Piece(
            "A transformer's block, embedding and tied output among it",
            "Transformer 块，含嵌入层与共享的输出层",
            ("Radford et al. 2019, simplified", "Radford 等 2019，有简化"),
            _written("block"),
            "S",
        ),
    },
    ("Optimizers", "优化器"): {
        "adam": Piece(
            "Adam: its step, and how it answers to the gradient",
            "Adam：一步更新及其对梯度的响应",
            "Kingma and Ba 2015",
            _adam,
            "g",
        ),
    },
    ("Second order", "二阶导数"): {
        "softmax-jacobian": Piece(
            "The Jacobian of softmax",
            "softmax 的雅可比矩阵",
            "diag(p) − ppᵀ",
            _softmax,
            "z",
        ),
        "softmax-hessian": Piece(
            "The Hessian of cross-entropy",
            "交叉熵的黑塞矩阵",
            "diag(p) − ppᵀ",
            _hessian("m_softmax_cross_entropy"),
            "z",
        ),
        "quadratic-form": Piece(
            "The Hessian of a quadratic form",
            "二次型的黑塞矩阵",
            "A + Aᵀ",
            _hessian("m_quadratic_form"),
            "x",
        ),
        "logistic-regression": Piece(
            "The Hessian of logistic regression",
            "逻辑斯谛回归的黑塞矩阵",
            "Xᵀ diag(s(1 − s)) X",
            _hessian("m_logistic_regression"),
            "w",
        ),
        "factorisation": Piece(
            "The Hessian of a matrix factorisation",
            "矩阵分解的黑塞矩阵",
            "2 δᵢₖ (VᵀV)ⱼₗ",
            _hessian("m_factorisation"),
            "U",
        ),
    },
}
