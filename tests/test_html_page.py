"""The HTML page of a derivation, read and used in a real browser."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp
from browser import Browser, open_browser
from html_checker import html_faults
from page_systems import PAGES
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.errors import OptionError, UnknownNameError
from symbackprop.typeset import LANGUAGES, LEVELS, VIEWS, Composer, phrase
from symbackprop.typeset.html_words import tag
from symbackprop.typeset.page import Checked, Entry, Fold, Page
from symbackprop.typeset.page_html import html_page

CHECKED = Checked(50, 3, {"N": 2, "D": 5}, 24, 3e-61)
VISIBLE = """
  const seen = [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility());
"""


def page_of(name: str) -> Page:
    backward = derive_backward(*PAGES[name]())
    return Composer(backward, VIEWS).page(name.replace("_", " "), checked=CHECKED)


def deep_page() -> Page:
    hidden = [layer for _ in range(4) for layer in (sb.Linear(3, 3), sb.ReLU())]
    net = sb.Sequential(sb.Linear(2, 3), sb.ReLU(), *hidden, sb.Linear(3, 2))
    return Composer(sb.derive(net.system(sb.MSELoss())).backward, VIEWS).page()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    written = {
        "softmax": html_page(page_of("c_softmax_regression"), "row", "key"),
        "all": html_page(page_of("c_softmax_regression"), "row", "all"),
        "recurrent": html_page(page_of("g_two_back"), "column", "all", "zh"),
        "cases": html_page(page_of("i_masked_attention"), "index", "key", "zh"),
        "deep": html_page(deep_page(), "row", "result"),
    }
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in written}


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser) -> Iterator[Browser]:
    """The browser; whatever a test did, the page has nothing to complain of."""
    yield opened
    assert opened.messages() == []


def texts(browser: Browser, selector: str) -> list[str]:
    """What can be read in the elements that are shown."""
    read = "(e.innerText ?? e.textContent).normalize('NFKC')"
    found = browser.run(f"{VISIBLE} return seen.map(e => {read})", selector)
    return [" ".join(text.replace("\u2062", "").split()) for text in found]


def plain(text: str) -> str:
    """Text as `texts` gives it."""
    return unicodedata.normalize("NFKC", text)


def count(browser: Browser, selector: str) -> int:
    return len(texts(browser, selector))


def choose(browser: Browser, name: str, value: str) -> None:
    browser.driver.find_element(By.CSS_SELECTOR, f"[name={name}][value={value}]").click()


def current(browser: Browser) -> str:
    """The number of the equation that is the current step, or its rule; empty without one."""
    found = texts(browser, ".entry[aria-current] > .aside .number, .move[aria-current] b")
    return found[0] if found else ""


# --- as it is opened --------------------------------------------------------------------


def test_pages_are_valid(files) -> None:
    assert html_faults(list(files.values())) == []


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_pages_load_nothing_and_fit_into_the_window(browser, files, width) -> None:
    for path in files.values():
        browser.open(path, width=width)
        assert browser.overflow() == 0, path
        assert browser.requests() == [path.as_uri()]


def test_a_page_opens_as_it_was_asked_for(browser, files) -> None:
    browser.open(files["recurrent"])
    assert browser.run("return document.documentElement.lang") == "zh-CN"
    assert texts(browser, "h2")[:3] == ["已知", "记号", "计算图"]
    assert count(browser, ".move .after") > 10
    assert "每列一个样本" in texts(browser, "#notation")[0]
    browser.open(files["deep"])
    assert texts(browser, "h2") == ["Notation", "Backward", "Gradients"]
    assert count(browser, ".moves") == 0


def test_a_page_can_be_read_without_scripts(browser, files) -> None:
    browser.open(files["softmax"], scripts=False)
    shown = browser.driver.find_elements(By.CSS_SELECTOR, ".controls, .stepper, .card")
    assert not any(element.is_displayed() for element in shown)
    moves = browser.driver.find_element(By.CSS_SELECTOR, "#backward .moves")
    assert not moves.find_element(By.CSS_SELECTOR, ".why").is_displayed()
    moves.find_element(By.TAG_NAME, "summary").click()
    assert "chain rule: p affects the result" in " ".join(moves.text.split())
    assert "p 只通过" not in moves.text


# --- choosing -----------------------------------------------------------------------------


def test_the_language_is_switched_everywhere(browser, files) -> None:
    browser.open(files["cases"])
    for language in reversed(LANGUAGES):
        choose(browser, "language", tag(language))
        shown = {tag(each): count(browser, f"main [lang='{tag(each)}']") for each in LANGUAGES}
        assert [name for name, found in shown.items() if found] == [tag(language)]
        assert phrase("otherwise", language) in "".join(texts(browser, "#forward mtext"))
        shown = [legend.lower() for legend in texts(browser, "legend")]
        assert phrase("control-level", language) in shown
    assert browser.driver.title.startswith("The gradients of L, step by step")


@pytest.mark.parametrize("view", VIEWS)
def test_every_equation_is_shown_once_in_each_notation(browser, files, view) -> None:
    browser.open(files["recurrent"])
    choose(browser, "notation", view)
    assert count(browser, ".entry > .form") == count(browser, ".entry")
    matrices = count(browser, "li.move.form")
    assert (matrices == 0) == (view == "index")
    notes = " ".join(texts(browser, "#notation li"))
    said = [each for each in VIEWS if plain(phrase(f"layout-{each}", "zh")) in notes]
    assert said == [view]


def test_shapes_are_those_of_the_notation(browser, files) -> None:
    browser.open(files["softmax"])
    shapes = {}
    for view in VIEWS:
        choose(browser, "notation", view)
        shapes[view] = [
            "".join(texts(browser, f"{place} math")).replace(" ", "")
            for place in ("#t-x", "#t-W", "#t-dz > .aside")
        ]
    assert shapes["index"] == shapes["row"] == ["x∈RN×D", "W∈RE×D", "∈RN×E"]
    assert shapes["column"] == ["x∈RD×N", "W∈RE×D", "∈RE×N"]


def test_the_level_of_detail_is_switched(browser, files) -> None:
    browser.open(files["softmax"])
    found = {}
    for level in LEVELS:
        choose(browser, "level", level)
        found[level] = count(browser, ".entry"), count(browser, ".move")
    assert found == {"result": (3, 0), "key": (7, 0), "all": (7, 17)}
    assert count(browser, "#given, #graph, #summary") == 3


def test_the_theme_is_the_systems_until_it_is_chosen(browser, files) -> None:
    dark = "return getComputedStyle(document.body).backgroundColor === 'rgb(22, 24, 28)'"
    browser.open(files["softmax"])
    browser.prefer("dark")
    assert browser.run(dark)
    choose(browser, "theme", "light")
    assert not browser.run(dark)
    browser.prefer("light")
    choose(browser, "theme", "dark")
    assert browser.run(dark)


# --- step by step -------------------------------------------------------------------------


def test_equations_are_gone_through_with_keys_and_buttons(browser, files) -> None:
    browser.open(files["softmax"])
    assert current(browser) == ""
    browser.press("ARROW_RIGHT", "j", "j")
    assert current(browser) == "(3)"
    assert texts(browser, "output") == ["step 3 of 7"]
    browser.press("k", "ARROW_LEFT", "ARROW_LEFT")
    assert current(browser) == "(1)"
    for _ in range(8):
        if count(browser, ".next:enabled"):
            browser.driver.find_element(By.CSS_SELECTOR, ".next").click()
    assert current(browser) == "(7)"
    place = "const at = document.querySelector('.current').getBoundingClientRect();"
    assert browser.run(f"{place} return at.top >= 0 && at.top < innerHeight")
    browser.driver.find_element(By.CSS_SELECTOR, ".previous").click()
    assert current(browser) == "(6)"
    browser.press("ESCAPE")
    assert current(browser) == ""


def test_at_full_detail_every_rule_is_a_step(browser, files) -> None:
    browser.open(files["all"])
    browser.press(*"jjjjj")
    assert (current(browser), texts(browser, "output")) == ("Chain rule", ["step 5 of 24"])
    # What is no longer there is no step; the rest keeps its place.
    browser.press(*"jj")
    assert current(browser) == "Matrix form"
    choose(browser, "notation", "index")
    assert browser.run("return document.querySelectorAll('[aria-current]').length") == 0
    # Nor is a step skipped because its reader closed the list it stands in.
    browser.driver.find_element(By.CSS_SELECTOR, "#t-dp .moves > summary").click()
    browser.press(*"jjjjj")
    assert current(browser) == "Chain rule"


def test_the_node_of_the_current_step_is_lit_and_in_view(browser, files) -> None:
    browser.open(files["softmax"], height=300)
    for name, keys in (("L", "jjj"), ("dW", "jjj"), ("dp", "kk")):
        browser.press(*keys)
        assert browser.run(f"{VISIBLE} return seen.map(e => e.dataset.name)", ".node.lit") == [name]
        inside = """
          const node = document.querySelector('[lang="en"] .node.lit').getBoundingClientRect();
          const box = document.querySelector('#graph .scroll').getBoundingClientRect();
          return box.top <= node.top && node.bottom <= box.bottom;"""
        assert browser.run(inside)
    assert count(browser, '.edge.lit[data-from="dL"][data-to="dp"]') == 1


def test_a_reader_with_keys_alone_reaches_everything(browser, files) -> None:
    browser.open(files["softmax"])
    focused = "const at = document.activeElement; return at.classList[0] || at.name || at.localName"
    browser.press("TAB")
    assert browser.run(focused) == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().left >= 0")
    browser.press("TAB", "ARROW_RIGHT")
    assert browser.run("return document.documentElement.lang") == "zh-CN"
    assert current(browser) == ""
    reached = set()
    for _ in range(60):
        browser.press("TAB")
        reached.add(browser.run(focused))
    assert {"notation", "level", "theme", "lit", "number", "summary", "scroll", "next"} <= reached


# --- symbols ------------------------------------------------------------------------------


def lit(browser: Browser) -> set[str]:
    return set(browser.run(f"{VISIBLE} return seen.map(e => e.dataset.name)", "[data-name].lit"))


def test_a_symbol_pointed_at_is_lit_everywhere_and_explained(browser, files) -> None:
    browser.open(files["softmax"])
    symbol = browser.driver.find_element(By.CSS_SELECTOR, "#forward .row mi[data-name=W]")
    ActionChains(browser.driver).move_to_element(symbol).perform()
    assert lit(browser) == {"W"}
    assert count(browser, "[data-name=W].lit") == count(browser, "[data-name=W]") > 5
    (card,) = texts(browser, ".card")
    assert "parameter" in card
    ActionChains(browser.driver).move_to_element_with_offset(symbol, 0, -300).perform()
    assert (lit(browser), count(browser, ".card")) == (set(), 0)


def test_a_derivative_is_one_symbol(browser, files) -> None:
    browser.open(files["softmax"])
    below = browser.driver.find_element(
        By.CSS_SELECTOR, "#gradients .row mfrac[data-name=dz] mi[data-name=z]"
    )
    ActionChains(browser.driver).move_to_element(below).perform()
    assert "dz" in lit(browser)
    assert "p" in texts(browser, ".card")[0]


def test_a_node_pointed_at_lights_its_symbol(browser, files) -> None:
    browser.open(files["softmax"])
    (node,) = (
        node
        for node in browser.driver.find_elements(By.CSS_SELECTOR, "#graph .node[data-name=W]")
        if node.is_displayed()
    )
    ActionChains(browser.driver).move_to_element(node).perform()
    assert count(browser, "#forward [data-name=W].lit") == 2


def test_a_symbol_tapped_or_focused_stays_lit(browser, files) -> None:
    browser.open(files["softmax"])
    browser.driver.find_element(By.CSS_SELECTOR, "#forward .row mi[data-name=x]").click()
    browser.press("j")
    assert lit(browser) == {"x"}
    browser.press("ESCAPE")
    assert lit(browser) == set()
    browser.run("document.querySelector('a[data-name=dp]').focus()")
    assert lit(browser) == {"dp"}
    assert "gradient" in texts(browser, ".card")[0]


def test_latex_is_copied(browser, files) -> None:
    browser.open(files["softmax"])
    browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    tex = browser.driver.find_element(By.CSS_SELECTOR, "#t-dz .form.row .tex")
    tex.find_element(By.TAG_NAME, "summary").click()
    tex.find_element(By.CSS_SELECTOR, ".copy").click()
    assert tex.find_element(By.CSS_SELECTOR, ".copy").text == "copied"
    copied = browser.run("return await navigator.clipboard.readText()")
    assert copied == tex.find_element(By.TAG_NAME, "code").text
    assert copied == r"\frac{\partial L}{\partial z} = \frac{1}{N} \left(p - \mathbf{1}_y\right)"


# --- for every eye ------------------------------------------------------------------------


def test_paper_is_white_and_has_no_controls(browser, files) -> None:
    browser.open(files["all"])
    browser.prefer("dark", media="print")
    browser.resize(700)
    assert count(browser, ".controls, .stepper, .skip, .tex") == 0
    assert count(browser, ".move .after") == 17
    assert browser.run("return getComputedStyle(document.body).color") == "rgb(29, 29, 31)"
    boxes = f"{VISIBLE} return seen.filter(e => /auto|scroll/.test(getComputedStyle(e).overflowX))"
    assert browser.run(boxes, "main *") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(browser, files, scheme) -> None:
    """WCAG 2.2, level AA: a contrast of 4.5."""
    browser.open(files["all"])
    browser.prefer(scheme)
    browser.press(*"jjjjjj")
    browser.run("document.querySelector('a[data-name=dp]').focus()")
    found = browser.run(CONTRASTS)
    assert len(found) > 5
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
function mixed(...colours) {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
const light = (rgb) => {
  const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const found = {};
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !element.checkVisibility() || element.matches(':disabled')) continue;
  const behind = [];
  for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
  const ground = mixed(...behind), ink = mixed(getComputedStyle(element).color);
  const [low, high] = [light(ground), light(ink)].sort((a, b) => a - b);
  found[`${ink} on ${ground}`] = (high + 0.05) / (low + 0.05);
}
return found;
"""


def test_nothing_moves_for_those_who_do_not_want_it(browser, files) -> None:
    browser.open(files["softmax"])
    browser.prefer(motion="reduce")
    moving = """return [...document.querySelectorAll('*')].map(e => getComputedStyle(e)).filter(
      s => s.scrollBehavior !== 'auto' || s.animationName !== 'none'
        || s.transitionDuration !== '0s').length"""
    assert browser.run(moving) == 0


# --- what is in it ------------------------------------------------------------------------


def test_every_step_says_its_rule_what_it_met_and_what_it_left() -> None:
    page = page_of("c_batch_norm")
    written = html_page(page, "index", "all")
    entries = [e for s in page.sections("all") for e in s.all_entries()]
    steps = re.findall(r'<li class="move" tabindex="-1">(.*?)</li>', written, re.DOTALL)
    assert len(steps) == sum(len(entry.moves) for entry in entries) > 20
    for step in steps:
        assert "chain before" in step or "partial" in step
        assert "after" in step
        assert step.count("<b>") == len(LANGUAGES)
        assert "<code>" in step
    assert r"\changed" not in written


def test_blocks_that_are_folded_are_told_in_a_sentence() -> None:
    page = deep_page()
    written = html_page(page, "row", "key")
    (fold,) = (entry for entry in page.forward.entries if isinstance(entry, Fold))
    assert f"blocks {fold.first} to {fold.last} as block {fold.like}" in written
    for entry in fold.entries:
        assert f'id="t-{entry.name}"' not in written


def test_names_and_titles_are_text() -> None:
    n = sb.index("n", "N")
    odd = sb.parameter('x"><script>', n)
    loss = sb.Equation(sb.Tensor("L"), sp.Sum(odd[n] ** 2, n))
    backward = derive_backward(sb.System([loss], [odd], minimize="L"))
    written = html_page(Composer(backward, VIEWS).page("<script>alert(1)"), "index", "all")
    assert written.count("<script") == 1
    anchors = re.findall(r'id="(t-[^"]*)"', written)
    assert len(anchors) == len(set(anchors)) == 3
    assert set(re.findall(r'href="#(t-[^"]*)"', written)) == set(anchors)


def test_what_is_not_known_is_refused() -> None:
    page = page_of("e_relu_neuron")
    with pytest.raises(OptionError, match="level of detail"):
        html_page(page, "row", "everything")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown language 'de'"):
        html_page(page, "row", "key", "de")


def test_a_block_of_gpt_is_written_in_time_and_small() -> None:
    block = sb.GPT(vocab_size=5, block_size=2, n_layer=1, n_head=2, n_embd=4)
    system = sb.Sequential(block, sb.Flatten(0, 1)).system(sb.CrossEntropyLoss())
    page = Composer(derive_backward(system), VIEWS).page()
    assert sum(isinstance(e, Entry) for s in page.sections("all") for e in s.entries) > 80
    start = time.process_time()
    written = html_page(page, "row", "key")
    assert time.process_time() - start < 0.8
    assert len(written.encode()) < 1_500_000


def test_what_was_too_large_to_check_has_no_tick() -> None:
    whole = replace(page_of("c_softmax_regression"), checked=CHECKED)
    partly = replace(whole, checked=replace(CHECKED, unchecked=("W",)))
    ticks, fewer = (html_page(page, "row", "all").count('class="tick"') for page in (whole, partly))
    (entry,) = (e for e in whole.gradients.all_entries() if e.subject == "W")
    assert 0 < fewer < ticks - len(entry.moves)
    assert "Not all that concerns W was" in html_page(partly, "row", "all")
