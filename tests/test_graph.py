"""The graph of a system: what is in it, and a picture of it that can be read."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
import sympy as sp
from click.testing import CliRunner
from test_cli import ROOT, process, symbp

import symbackprop as sb
from symbackprop.calculus import derive_backward, derive_hessian, derive_jacobian
from symbackprop.errors import OptionError, UnknownNameError
from symbackprop.language import Role
from symbackprop.typeset import graph_of, mermaid_graph, svg_graph, written_equations
from symbackprop.typeset.graph import Edge
from symbackprop.typeset.graph_layout import laid_out
from symbackprop.typeset.graph_places import SHAPE, SMALL_SHAPE, SMALL_SYMBOL, SYMBOL
from symbackprop.typeset.labels import Run, plain, symbol_runs, width
from symbackprop.typeset.names import latex_glyph
from symbackprop.typeset.svg import WIDTH
from symbp.main import cli

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture):
    return ElementTree.fromstring(picture)  # noqa: S314 (what is parsed was written here)


def layers(number):
    pairs = [(sb.Linear("D", "D"), sb.ReLU()) for _ in range(number)]
    return sb.Sequential(*(layer for pair in pairs for layer in pair)).system(sb.MSELoss())


def gpt(blocks):
    net = sb.Sequential(sb.GPT(65, 32, blocks, 4, 16), sb.Flatten(0, 1))
    return net.system(sb.CrossEntropyLoss())


def dense(number):
    """Every layer reads all layers before, and every weight is penalized."""
    x = sb.input("x")
    tensors, equations, seen = [x], [], [x[()]]
    for layer in range(number):
        w, h = sb.parameter(f"w{layer}"), sb.intermediate(f"h{layer}")
        tensors.append(w)
        equations.append(sb.Equation(h, sp.sin(w[()] * sum(seen))))
        seen.append(h[()])
    penalty = sum(w[()] ** 2 for w in tensors[1:])
    equations.append(sb.Equation(sb.intermediate("L"), seen[-1] ** 2 + penalty))
    return sb.System(equations, tensors, minimize="L")


def special():
    """Names that mean something to XML, to Mermaid, or take two places a letter."""
    x, w = sb.input('a<b&"c"'), sb.parameter("权重")
    h = sb.intermediate("]]>`#1;\\x\n\t")
    equations = [
        sb.Equation(h, x[()] * w[()]),
        sb.Equation(sb.intermediate("损失"), h[()] ** 2),
    ]
    return sb.System(equations, [x, w], minimize="损失")


def mutual():
    """Two tensors in one row that read each other at another step, and themselves."""
    t = sb.index("t", "T")
    w = sb.parameter("w")
    a, b = sb.intermediate("a", t), sb.intermediate("b", t)
    step = t - 1
    equations = [
        sb.Equation(a, w[()] * sp.sin(a[step] + b[step])),
        sb.Equation(b, sp.cos(a[step] * b[step])),
        sb.Equation(sb.intermediate("L"), sp.Sum(a[t] * b[t], t)),
    ]
    return sb.System(equations, [w], minimize="L")


SYSTEMS = {
    "document": lambda: layers(2),
    "100 layers": lambda: layers(100),
    "8 blocks": lambda: gpt(8),
    "lstm": lambda: sb.load(ROOT / "examples/lstm.eqs"),
    "gpt": lambda: sb.load(ROOT / "examples/gpt.eqs"),
    "dense": lambda: dense(12),
    "special": special,
    "mutual": mutual,
}


@pytest.fixture(scope="module")
def derived():
    found = {}

    def of(name):
        if name not in found:
            found[name] = derive_backward(SYSTEMS[name]())
        return found[name]

    return of


each_system = pytest.mark.parametrize("name", SYSTEMS)


# --- what is in it ----------------------------------------------------------------------


@each_system
def test_it_has_every_tensor_and_every_edge_and_no_other(name, derived):
    backward = derived(name)
    system, graph = backward.system, graph_of(backward)
    adjoint = {t.adjoint_of: t.name for t in backward.tensors.values() if t.adjoint_of}
    assert {node.name for node in graph.forward} == set(system.tensors)
    seed = graph.backward[0]
    assert (seed.kind, seed.subject) == ("seed", system.objective)
    assert {node.name for node in graph.backward} == set(adjoint.values())

    reads = {(used, e.name) for e in system.equations for used in e.used_names}
    assert {(edge.source, edge.target) for edge in graph.reads} == reads
    back = {(adjoint[to], adjoint[of]) for of, to in reads if of in adjoint and to in adjoint}
    assert {(edge.source, edge.target) for edge in graph.flows} == back
    for edges in (graph.reads, graph.flows):
        assert len(set(edges)) == len(edges)


def test_kinds_symbols_and_shapes(derived):
    graph = graph_of(derived("gpt"))
    told = {n.name: (n.kind, plain(n.symbol), n.shape) for n in graph.nodes.values()}
    assert told["token"] == ("input", "token", "N × 2")
    assert told["E"] == ("parameter", "E", "5 × 4")
    assert told["x0"] == ("intermediate", "x⁽⁰⁾", "N × 2 × 4")
    assert told["L"] == ("objective", "L", "")
    assert told["dx0"] == ("adjoint", "∂L/∂x⁽⁰⁾", "N × 2 × 4")
    assert told["dE"] == ("gradient", "∂L/∂E", "5 × 4")
    net = graph_of(derived("document"))
    assert plain(net.nodes["dz1"].symbol) == "δ⁽¹⁾"


def test_recurrences_say_at_which_step_they_read_and_the_derivatives_the_opposite(derived):
    graph = graph_of(derived("lstm"))
    steps = {(e.source, e.target): e.step for e in (*graph.reads, *graph.flows) if e.step}
    gates = ("ai", "af", "ag", "ao")
    assert steps == {
        ("c", "c"): "t−1",
        ("dc", "dc"): "t+1",
        **{("h", gate): "t−1" for gate in gates},
        **{(f"d{gate}", "dh"): "t+1" for gate in gates},
    }


def test_a_tensor_read_at_two_steps_by_one_equation_has_two_edges():
    t = sb.index("t", "T")
    a, b = sb.intermediate("a", t), sb.intermediate("b", t)
    system = sb.System(
        [
            sb.Equation(a, sp.sin(b[t - 1])),
            sb.Equation(b, a[t] + a[t - 2]),
            sb.Equation(sb.intermediate("L"), sp.Sum(b[t], t)),
        ],
        [],
        minimize="L",
    )
    edges = [edge for edge in graph_of(system).reads if edge.source == "a"]
    assert set(edges) == {Edge("a", "b"), Edge("a", "b", "t−2")}


def test_a_system_without_derivatives_and_derivatives_of_other_things():
    system = layers(1)
    assert not graph_of(system).backward
    assert "backward" not in re.sub(
        r"<style>.*?</style>", "", svg_graph(graph_of(system)), flags=re.S
    )
    jacobian = graph_of(derive_jacobian(system, "a1", ["W1"]))
    assert {node.subject for node in jacobian.backward} == {"a1", "z1", "W1"}
    assert jacobian.objective == jacobian.backward[0].subject == "a1"
    hessian = graph_of(derive_hessian(system, "W1", None))
    assert {node.kind for node in hessian.backward} >= {"seed", "gradient"}
    for graph in (jacobian, hessian):
        parsed(svg_graph(graph))


# --- the picture ------------------------------------------------------------------------


def inside(box, point, margin):
    x, y = point
    half, high = box.label.width / 2 - margin, box.label.height / 2 - margin
    return abs(x - box.x) < half and abs(y - box.y) < high


def points(path):
    """Points along a path, closer together than a box is high."""
    here = path.start
    for curve in path.curves:
        for step in range(25):
            u = step / 24
            yield tuple(
                (1 - u) ** 3 * a + 3 * (1 - u) ** 2 * u * b + 3 * (1 - u) * u**2 * c + u**3 * d
                for a, b, c, d in zip(here, curve.first, curve.second, curve.end, strict=True)
            )
        here = curve.end


@each_system
@pytest.mark.parametrize("room", [WIDTH, 10_000])
def test_boxes_keep_apart_and_lines_keep_clear_of_them(name, room, derived):
    graph = graph_of(derived(name))
    layout = laid_out(graph, room)
    rows = {}
    for box in layout.boxes:
        assert box.label.width / 2 < box.x < layout.width - box.label.width / 2
        assert box.label.height / 2 < box.y < layout.height - box.label.height / 2
        for row in range(int(box.y) // 40 - 1, int(box.y) // 40 + 2):
            rows.setdefault(row, []).append(box)
    for near in rows.values():
        for one, other in combinations(near, 2):
            across = abs(one.x - other.x) - (one.label.width + other.label.width) / 2
            down = abs(one.y - other.y) - (one.label.height + other.label.height) / 2
            assert max(across, down) >= 4, (one.node.name, other.node.name)
    for path in layout.paths:
        for point in points(path):
            assert 0 < point[0] < layout.width
            for box in rows.get(int(point[1]) // 40, ()):
                assert not inside(box, point, 1), (path.edge, box.node.name)


@each_system
def test_labels_fit_into_their_boxes(name, derived):
    for box in laid_out(graph_of(derived(name)), WIDTH).boxes:
        symbol = width(box.label.symbol, SMALL_SYMBOL if box.small else SYMBOL)
        shape = width((Run(box.label.shape),), SMALL_SHAPE if box.small else SHAPE)
        assert (symbol + shape if box.small else max(symbol, shape)) <= box.label.width - 12


@each_system
def test_the_picture_shows_the_graph(name, derived):
    """Each tensor by name, each edge once a half, in well-formed XML."""
    graph = graph_of(derived(name))
    root = parsed(svg_graph(graph))
    groups = root.findall(f"{SVG}g")
    nodes = [g for g in groups if g.get("class").startswith("node ")]
    assert {node.get("data-name") for node in nodes} == set(graph.nodes)
    for node in nodes:
        known = graph.nodes[node.get("data-name")]
        assert node.get("data-subject") == known.subject
        assert node.get("class").split()[1] == known.kind
        assert known.name in node.find(f"{SVG}title").text
    edges = [g for g in groups if g.get("class").startswith("edge ")]
    found = [(e.get("data-from"), e.get("data-to"), "recurrent" in e.get("class")) for e in edges]
    wanted = [(e.source, e.target, bool(e.step)) for e in (*graph.reads, *graph.flows)]
    assert sorted(found) == sorted(wanted)
    steps = {text.text for text in root.iter(f"{SVG}text") if text.get("class") == "step"}
    assert steps == {e.step for e in (*graph.reads, *graph.flows) if e.step}


def test_forward_lines_lead_down_and_derivatives_stand_at_the_height_of_their_tensors(derived):
    graph = graph_of(derived("gpt"))
    layout = laid_out(graph, 1)
    place = {box.node.name: box for box in layout.boxes if not box.shared}
    for edge in graph.reads:
        if {edge.source, edge.target} <= set(place) and not place[edge.source].small:
            assert place[edge.source].y < place[edge.target].y
    for node in graph.backward:
        if node.name in place and node.subject in place:
            assert place[node.name].y == place[node.subject].y
            assert place[node.name].x > place[node.subject].x
    # A residual stream runs straight down: x1 = x0 + …, x2 = x1 + …
    assert place["x0"].x == place["x1"].x == place["x2"].x


def test_a_long_graph_stands_in_strips_and_a_short_one_does_not(derived):
    long, short = graph_of(derived("100 layers")), graph_of(derived("document"))
    assert len(laid_out(long, WIDTH).forward) == len(laid_out(long, WIDTH).backward) == 2
    assert len(laid_out(long, 5000).forward) > 3
    assert laid_out(long, 5000).height < 2 * laid_out(long, 5000).width
    assert laid_out(long, WIDTH).width < WIDTH
    assert len(laid_out(short, 5000).forward) == 1
    assert len(laid_out(long, 1).forward) == 1


def test_a_weight_that_is_read_afar_is_drawn_beside_each_reader(derived):
    layout = laid_out(graph_of(derived("gpt")), WIDTH)
    assert sorted(box.node.name for box in layout.boxes if box.shared) == ["E", "E", "dE", "dE"]
    assert all(box.small for box in layout.boxes if box.shared)


def test_a_tensor_with_a_long_name_is_shortened_and_told_in_full():
    x, w = sb.input("x"), sb.parameter("encoder.layers.0.self_attn.in_proj_weight")
    system = sb.System([sb.Equation(sb.intermediate("L"), x[()] * w[()])], [x, w], minimize="L")
    picture = svg_graph(graph_of(derive_backward(system)))
    labels = "".join(t.text or "" for t in parsed(picture).iter(f"{SVG}tspan"))
    assert "encoder.lay" in labels and "…" in labels
    assert "in_proj_weight" not in labels
    assert f"<title>{w.name}: parameter, scalar</title>" in picture


def test_tooltips_show_the_equations_that_are_handed_over(derived):
    backward = derived("document")
    equations = written_equations(backward)
    assert set(equations) == {
        *backward.system.definitions,
        *(e.name for e in (*backward.adjoints.values(), *backward.gradients.values())),
    }
    picture = svg_graph(graph_of(backward), equations=equations)
    assert "a1[n,j] = relu(z1[n,j])" in picture
    assert f"\n{equations['dz2']}</title>" in picture.replace("&gt;", ">")


def test_several_graphs_on_a_page_share_no_id(derived):
    graph = graph_of(derived("document"))
    pictures = [svg_graph(graph, prefix=prefix) for prefix in ("one", 'two"<')]
    ids = [e.get("id") for p in pictures for e in parsed(p).iter() if e.get("id")]
    assert len(ids) == len(set(ids)) == 4
    root = parsed(pictures[0])
    assert root.get("role") == "img"
    assert set(root.get("aria-labelledby").split()) == {"one-title", "one-desc"}
    assert "url(" not in pictures[0]


def test_the_description_counts(derived):
    picture = parsed(svg_graph(graph_of(derived("lstm"))))
    described = picture.find(f"{SVG}desc").text
    assert "13 computed" in described
    assert "16 given" in described


def test_words_in_chinese(derived):
    graph = graph_of(derived("document"))
    picture = svg_graph(graph, "zh")
    assert "<title>W1：参数、D × D</title>" in picture
    assert "反向" in picture
    words = re.sub(r"<style>.*?</style>|<[^>]*>", "", picture, flags=re.S)
    assert not re.search("[a-z]{3}", words)
    assert '["反向传播"]' in mermaid_graph(graph, "zh")


def test_symbols_under_other_names(derived):
    graph = graph_of(derived("document"), {"W1": latex_glyph(r"W^{\mathrm{in}}")})
    assert plain(graph.nodes["W1"].symbol) == "W^in"
    assert plain(graph.nodes["dW1"].symbol) == "∂L/∂W^in"


def test_what_reads_the_objective_sends_nothing_back_to_it():
    x, w = sb.input("x"), sb.parameter("w")
    L, M = sb.intermediate("L"), sb.intermediate("M")
    equations = [sb.Equation(L, x[()] * w[()]), sb.Equation(M, sp.sin(L[()]))]
    graph = graph_of(derive_backward(sb.System(equations, [x, w], minimize="L"), ["w", "M"]))
    assert graph.flows == (Edge("dL", "dw"),)


def test_a_language_without_words(derived):
    for write in (svg_graph, mermaid_graph):
        with pytest.raises(UnknownNameError, match="tlh"):
            write(graph_of(derived("document")), "tlh")


def test_every_kind_has_a_word():
    """Each role that a given tensor may have is drawn and told."""
    n = sb.index("n", "N")
    given = [
        sb.Tensor(role.value[:3], (n,) if role is not Role.HYPERPARAMETER else (), role)
        for role in Role
        if role is not Role.INTERMEDIATE
    ]
    product = sp.Mul(*(tensor.element for tensor in given))
    L = sb.intermediate("L")
    system = sb.System([sb.Equation(L, sp.Sum(product, n))], given, minimize="L")
    picture = svg_graph(graph_of(derive_backward(system)))
    for role in ("input", "target", "parameter", "hyperparameter", "noise"):
        assert f'class="node {role}' in picture


# --- Mermaid ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["document", "lstm", "special", "mutual"])
def test_mermaid_has_every_node_and_edge(name, derived):
    graph = graph_of(derived(name))
    lines = mermaid_graph(graph).splitlines()
    nodes = [
        line for line in lines if re.fullmatch(r'  n\d+(\W+)"[^"`<&]*(<br/>[^"`<&]*)?"\W+', line)
    ]
    assert len(nodes) == len(graph.nodes)
    assert sum("-->" in line for line in lines) == len(graph.reads)
    assert sum("-.->" in line for line in lines) == len(graph.flows)
    assert sum('-->|"t−1"|' in line for line in lines) == sum(bool(e.step) for e in graph.reads)


def test_mermaid_escapes_what_means_something_to_it(derived):
    written = mermaid_graph(graph_of(derived("special")))
    assert '(["a#lt;b#amp;#quot;c#quot;"])' in written
    # What cannot be printed is shown as a question mark.
    assert '("]]#gt;#96;#35;1;#92;x??")' in written


def test_mermaid_refuses_what_github_would_not_draw(derived):
    with pytest.raises(OptionError, match="no more than 500"):
        mermaid_graph(graph_of(derived("100 layers")))


# --- labels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\hat{y}^{(2)}", "ŷ⁽²⁾"),
        (r"W_{hh}", "W_hh"),
        (r"\mathrm{softmax}_{1}", "softmax₁"),
        (r"{\bar{v}}'", "v̄^′"),
        (r"\gamma^{(3)}", "γ⁽³⁾"),
        (r"a_{i,\,j}", "a_i,j"),
        (r"\mathrm{a\_b}", "a_b"),
    ],
)
def test_symbols_are_read_from_latex(latex, shown):
    assert plain(symbol_runs(latex_glyph(latex))) == shown


# --- the command ------------------------------------------------------------------------


def test_the_command_draws_a_network_into_a_file(tmp_path):
    path = tmp_path / "graph.svg"
    assert not symbp("graph", "Linear(4, 3) Tanh", "-o", path).stdout
    root = parsed(path.read_text("utf-8"))
    names = {g.get("data-name") for g in root.iter(f"{SVG}g")}
    assert {"x", "W1", "z1", "L", "dz1", "dW1"} <= names
    assert "tanh(z1[n,j])" in path.read_text("utf-8")


def test_the_command_prints_mermaid():
    assert symbp("graph", "--format", "mermaid").stdout.startswith("flowchart TD\n")


def test_what_has_nothing_to_differentiate_has_a_forward_graph(tmp_path):
    path = tmp_path / "plain.eqs"
    path.write_text("index n:N\ninput x[n]\nL = sum[n](x[n])\nminimize L\n")
    assert 'data-name="L"' in symbp("graph", path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Linear(4, 3", "-o", "OUT"], "Linear(4, 3"),
        (["Lineer(4, 3)", "-o", "OUT"], "did you mean 'Linear'?"),
        (["--lang", "xx", "-o", "OUT"], "unknown language 'xx'"),
        (["--format", "png", "-o", "OUT"], "--format"),
        (["--width", "0", "-o", "OUT"], "--width"),
        (["-o", "OUT/graph.svg"], "cannot write"),
    ],
)
def test_bad_input_is_one_message_and_no_file(arguments, message, tmp_path):
    out = tmp_path / "out"
    given = [argument.replace("OUT", str(out)) for argument in arguments]
    result = CliRunner().invoke(cli, ["graph", *given])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_the_same_picture_whatever_the_order_of_sets(monkeypatch):
    pictures = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        pictures.add(process("-m", "symbp", "graph", "examples/lstm.eqs").stdout)
    assert len(pictures) == 1
    assert "</svg>" in pictures.pop()
