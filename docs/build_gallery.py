"""Writes the gallery: a page for each derivation, and index pages that lead to them.

    make gallery            (or python docs/build_gallery.py [NAME …])

Each derivation is an HTML page with everything in it (every step, both languages, each
notation) and a Markdown page a language, with one line an equation, which GitHub shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gallery_entries import GALLERY, Piece

from symbackprop.explanation import explained
from symbackprop.typeset import FORMATS, LANGUAGES, phrase
from symbackprop.typeset.html_document import document
from symbackprop.typeset.mathml import math
from symbackprop.typeset.page import Page

FOLDER = Path(__file__).with_name("gallery")
#: By language, the end of the names of files, and what the index pages say.
SUFFIX = {"en": "", "zh": ".zh"}
TITLE = {"en": "A gallery of gradients", "zh": "梯度画廊"}
ABOUT = {
    "en": "Backward passes that are worth knowing, each derived from its equations by the same "
    "rules, step by step, and every line evaluated to 50 digits. A page can be read in English "
    "or Chinese, in indices or in matrices, result only or every step.",
    "zh": "值得了解的反向传播推导：每一个都由方程出发，用同一套规则逐步推出，"
    "每一行都数值验证到 50 位。页面可以用中文或英文阅读，可以用下标或矩阵记号，"
    "可以只看结果，也可以看每一步。",
}
OTHER = {"en": "中文", "zh": "English"}


def pieces() -> dict[str, Piece]:
    """Everything in the gallery by name."""
    return {name: piece for group in GALLERY.values() for name, piece in group.items()}


def title_of(piece: Piece) -> dict[str, str]:
    """A piece's title by language."""
    return {"en": piece.english, "zh": piece.chinese}


def source_of(piece: Piece, language: str) -> str:
    """Where a piece is from."""
    both = piece.source
    return both if isinstance(both, str) else both[LANGUAGES.index(language)]


@cache
def page_of(name: str) -> Page:
    """A piece, derived, laid out and checked."""
    piece = pieces()[name]
    backward = piece.derived()
    numbers = piece.numbers(backward) if piece.numbers else None
    return explained(backward, title=title_of(piece), numbers=numbers)


def files(name: str) -> Iterator[tuple[str, str]]:
    """The names of the files of one piece, and what stands in them."""
    piece = pieces()[name]
    page = page_of(name)
    yield f"{name}.html", FORMATS["html"](page, "row", "key", "en")
    for language in LANGUAGES:
        other = LANGUAGES[1 - LANGUAGES.index(language)]
        head = f"# {title_of(piece)[language]}"
        shown = FORMATS["markdown"](page, "row", "key", language)
        links = (
            f"[{OTHER[language]}]({name}{SUFFIX[other]}.md) · [HTML]({name}.html) · "
            f"{source_of(piece, language)}"
        )
        yield f"{name}{SUFFIX[language]}.md", f"{head}\n\n{links}\n\n{shown}\n"


def index_files() -> Iterator[tuple[str, str]]:
    """The index pages: HTML to link to, Markdown for GitHub."""
    for language in LANGUAGES:
        yield f"index{SUFFIX[language]}.html", _index_html(language)
        yield f"README{SUFFIX[language]}.md", _index_markdown(language)


def _groups(language: str) -> Iterator[tuple[str, dict[str, Piece]]]:
    for (english, chinese), group in GALLERY.items():
        yield (english if language == "en" else chinese), dict(group)


def _index_markdown(language: str) -> str:
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    parts = [
        f"# {TITLE[language]}",
        f"[{OTHER[language]}](README{SUFFIX[other]}.md) · [HTML](index{SUFFIX[language]}.html)",
        ABOUT[language],
    ]
    for heading, group in _groups(language):
        lines = [
            f"- [{title_of(piece)[language]}]({name}{SUFFIX[language]}.md) "
            f"([HTML]({name}.html)): {source_of(piece, language)}"
            for name, piece in group.items()
        ]
        parts += [f"## {heading}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _index_html(language: str) -> str:
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    parts = [
        f'<header><h1>{TITLE[language]}</h1><p class="model">'
        f'<a href="index{SUFFIX[other]}.html" lang="{phrase("language-tag", other)}" '
        f'hreflang="{phrase("language-tag", other)}">{OTHER[language]}</a></p></header>',
        f"<p>{ABOUT[language]}</p>",
    ]
    for heading, group in _groups(language):
        rows = "".join(_item(name, piece, language) for name, piece in group.items())
        parts.append(f"<section><h2>{heading}</h2>\n<ul>\n{rows}</ul></section>")
    body = "\n".join(parts)
    return document(
        TITLE[language],
        f'<main class="index">\n{body}\n</main>',
        phrase("language-tag", language),
    )


def _item(name: str, piece: Piece, language: str) -> str:
    """A link to a page, and a derivative on it that tells what it is about."""
    page = page_of(name)
    entries = [e for section in (page.backward, page.gradients) for e in section.all_entries()]
    (telling,) = [entry for entry in entries if entry.subject == piece.telling]
    shown = telling.shown("row")
    formula = math([shown.left[-1], shown.right], display=True)
    query = "" if language == "en" else f"?language={phrase('language-tag', language)}"
    return (
        f'<li><a href="{name}.html{query}">{escape(title_of(piece)[language])}</a>'
        f'<span class="source">{escape(source_of(piece, language))}</span>'
        f'<div class="scroll">{formula}</div></li>\n'
    )


def main() -> None:
    """Write the pages named on the command line, or all and the index pages."""
    FOLDER.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or list(pieces())
    written = [file for name in wanted for file in files(name)]
    if not sys.argv[1:]:
        written += index_files()
    for name, text in written:
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
