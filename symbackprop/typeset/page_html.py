"""A page in HTML: one file that needs no network, and no JavaScript to be read.

Formulas are MathML; the font, the style and the script come from the folder ``pages`` and
are written into the file.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path

_FOLDER = Path(__file__).parent / "pages"

# Nothing may be loaded from anywhere: the browser itself sees to it.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "script-src 'unsafe-inline'",
        "font-src data:",
    )
)


def document(title: str, body: str, language: str = "en") -> str:
    """A whole HTML file.

    Parameters
    ----------
    title
        Plain text.
    body
        HTML.
    language
        The language of what is shown first.
    """
    return f"""<!DOCTYPE html>
<html lang="{escape(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{_font()}
{_text("page.css")}</style>
</head>
<body>
{body}
</body>
</html>
"""


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


@cache
def _font() -> str:
    data = b64encode((_FOLDER / "fonts" / "stix-two-math.woff2").read_bytes()).decode()
    return (
        '@font-face { font-family: "STIX Two Math"; '
        f'src: url("data:font/woff2;base64,{data}") format("woff2"); }}'
    )
