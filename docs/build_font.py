"""Make the font of HTML pages: a subset of STIX Two Math.

``python docs/build_font.py stix-two-math-latin-400-normal.woff2`` (needs fonttools and brotli)
writes ``symbackprop/typeset/pages/fonts/stix-two-math.woff2`` with the characters that
``characters.txt`` beside it names.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, parse_unicodes, save_font

FONTS = Path(__file__).parents[1] / "symbackprop" / "typeset" / "pages" / "fonts"

# Chromium makes a stretched sign as wide as the widest of its sizes, however small it is
# shown. Four sizes above the smallest, then pieces put together, keep a parenthesis narrow.
SIZES = 5


def main(source: str) -> None:
    """Write the subset of a font file."""
    options = Options(flavor="woff2", hinting=False, layout_features=["ccmp", "kern"])
    font = load_font(source, options)
    table = font["MATH"].table.MathVariants
    for construction in table.VertGlyphConstruction:
        del construction.MathGlyphVariantRecord[SIZES:]
    lines = (FONTS / "characters.txt").read_text("utf-8").splitlines()
    subset = Subsetter(options)
    subset.populate(unicodes=parse_unicodes(" ".join(x for x in lines if not x.startswith("#"))))
    subset.subset(font)
    save_font(font, str(FONTS / "stix-two-math.woff2"), options)


if __name__ == "__main__":
    main(*sys.argv[1:])
