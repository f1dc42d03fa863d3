"""Graphs where they are read: in a browser, inside a page, by light and by dark."""

import pytest
from browser import open_browser
from html_checker import html_faults
from test_cli import ROOT
from test_graph import special

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.typeset import graph_of, svg_graph

#: Labels that leave their box, with how far they do.
_OUTSIDE = """
const found = [];
for (const node of document.querySelectorAll(".node[data-name]")) {
  const box = node.querySelector("rect").getBBox();
  for (const text of node.querySelectorAll("text")) {
    const own = text.getBBox();
    const room = [own.x - box.x, box.x + box.width - own.x - own.width];
    if (Math.min(...room) < 2) found.push([node.dataset.name, room]);
  }
}
return found;
"""
_COLOURS = """
const colour = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
return [colour(".ground", "fill"), colour(".node text", "fill"), colour(".forward .line", "stroke")]
"""


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Three graphs on one page, one of them of names that mean something to HTML."""
    systems = [sb.load(ROOT / "examples" / f"{name}.eqs") for name in ("lstm", "gpt")]
    graphs = [graph_of(derive_backward(system)) for system in (*systems, special())]
    pictures = [svg_graph(graph, prefix=f"graph{n}") for n, graph in enumerate(graphs)]
    path = tmp_path_factory.mktemp("page") / "page.html"
    head = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Graphs</title></head>'
    path.write_text(f"{head}<body>{''.join(pictures)}</body></html>", "utf-8")
    return path


def test_labels_stay_in_their_boxes_in_the_fonts_that_are_here(browser, page):
    browser.open(page)
    assert browser.run("return document.querySelectorAll('.node[data-name]').length") > 100
    assert browser.run(_OUTSIDE) == []


def test_graphs_are_valid_html(page):
    assert html_faults([page]) == []


def test_graphs_follow_light_and_dark_and_light_a_node(browser, page):
    browser.open(page)
    light = browser.run(_COLOURS)
    browser.prefer("dark")
    dark = browser.run(_COLOURS)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert (light[0], dark[0]) == ("rgb(255, 255, 255)", "rgb(20, 23, 29)")
    browser.prefer("dark", media="print")
    assert browser.run(_COLOURS) == light
    lit = "document.querySelector('[data-name=\"dz\"]')"
    width = f"return getComputedStyle({lit}.querySelector('.box')).strokeWidth"
    before = browser.run(width)
    browser.run(f"{lit}.classList.add('lit')")
    assert (before, browser.run(width)) == ("1.4px", "3px")
