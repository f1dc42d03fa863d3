"""An HTML file that needs nothing beside itself: its font, style and script are inside.

The font, the style and the script come from the folder ``pages``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
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
_LICENCE = (
    "STIX Two Math: copyright 2001-2021 The STIX Fonts Project Authors, "
    "https://github.com/stipub/stixfonts; a subset, under the SIL Open Font License 1.1, "
    "https://openfontlicense.org"
)


def document(
    title: str,
    body: str,
    language: str = "en",
    state: Mapping[str, str] | None = None,
    style: str = "",
) -> str:
    """A whole HTML file.

    Parameters
    ----------
    title
        Plain text.
    body
        HTML.
    language
        The tag of the language that is shown first, ``zh-CN``.
    state
        What else is shown first: ``data-`` attributes of the root.
    style
        Rules that this page needs beside ``page.css``.
    """
    shown = "".join(f' data-{key}="{escape(value)}"' for key, value in (state or {}).items())
    return f"""<!DOCTYPE html>
<html lang="{escape(language)}"{shown}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<!-- {_LICENCE} -->
<style>
{_font()}
{_text("page.css")}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def script() -> str:
    """What lets a reader choose, and go through the page step by step."""
    return f"<script>\n{_text('page.js')}</script>"


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
