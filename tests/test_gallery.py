"""The gallery is what the code writes today, and every page of it is valid."""

from __future__ import annotations

import pytest
from browser import open_browser
from html_checker import html_faults
from test_docs import loaded

GALLERY = loaded("build_gallery")


def compare(files: dict[str, str], request: pytest.FixtureRequest) -> None:
    for name, text in files.items():
        path = GALLERY.FOLDER / name
        if request.config.getoption("--update"):
            path.write_text(text, encoding="utf-8")
        assert path.read_text("utf-8") == text, f"{name} is not current: run make gallery"


@pytest.mark.parametrize("name", GALLERY.pieces())
def test_a_page_of_the_gallery_is_current(name: str, request: pytest.FixtureRequest) -> None:
    compare(dict(GALLERY.files(name)), request)


def test_the_index_pages_are_current(request: pytest.FixtureRequest) -> None:
    compare(dict(GALLERY.index_files()), request)


def test_nothing_else_is_in_the_gallery() -> None:
    wanted = {f"{name}{end}" for name in GALLERY.pieces() for end in (".html", ".md", ".zh.md")}
    wanted |= {"index.html", "index.zh.html", "README.md", "README.zh.md"}
    assert {path.name for path in GALLERY.FOLDER.iterdir()} == wanted


def test_every_page_is_valid() -> None:
    assert html_faults(sorted(GALLERY.FOLDER.glob("*.html"))) == []


def test_a_link_says_what_is_shown_first() -> None:
    with open_browser() as browser:
        browser.open(GALLERY.FOLDER / "document.html")
        browser.run("location.search = '?language=zh-CN&notation=column&level=all&theme=none'")
        state = "const r = document.documentElement; return [r.lang, {...r.dataset}]"
        language, shown = browser.run(state)
        assert language == "zh-CN"
        assert shown == {"notation": "column", "level": "all", "theme": "auto"}
        assert browser.run("return document.querySelector('input[value=column]').checked")
        assert browser.messages() == []
