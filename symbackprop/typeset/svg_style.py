"""How graphs look: shapes and dashes tell kinds apart, colours only help.

Every rule is for what is inside ``.symbp-graph``, so that a page can hold several graphs,
and can override them.
"""

from __future__ import annotations

_BASE = """
.symbp-graph text{font-family:"STIX Two Text","STIX Two Math","Times New Roman","Nimbus Roman",\
"Liberation Serif","Noto Serif CJK SC",serif;font-size:16px;text-anchor:middle;fill:#1d2330}
.symbp-graph .small text{font-size:14px}
.symbp-graph .slanted{font-style:italic}
.symbp-graph .shape{font-size:11px;fill:#4f5868}
.symbp-graph .small .shape{font-size:10.5px}
.symbp-graph .heading,.symbp-graph .legend text{font-family:system-ui,"Noto Sans CJK SC",\
sans-serif;font-size:13px}
.symbp-graph .heading{font-weight:600}
.symbp-graph .legend text{font-size:12px;text-anchor:start}
.symbp-graph .ground{fill:#fff}
.symbp-graph .box{fill:#fff;stroke:#3f4a5c;stroke-width:1.4}
.symbp-graph .line{fill:none;stroke:#5a6679;stroke-width:1.4}
.symbp-graph .head{fill:#5a6679}
.symbp-graph .step{font-size:11px;fill:#4f5868;stroke:#fff;stroke-width:4;paint-order:stroke}
.symbp-graph .given .box{fill:#e8f0fc}
.symbp-graph .weight .box{fill:#fdf4dd;stroke:#8a6100}
.symbp-graph .objective .box{fill:#e3f3e6;stroke:#2c6b3b}
.symbp-graph .backward .box{fill:#fdf0ea;stroke:#a8431a;stroke-dasharray:6 3}
.symbp-graph .gradient .box{fill:#fbe0d3}
.symbp-graph .backward .line{stroke:#b4552c;stroke-dasharray:6 3}
.symbp-graph .backward .head{fill:#b4552c}
.symbp-graph .recurrent .line{stroke-dasharray:1.5 4;stroke-width:2;stroke-linecap:round}
.symbp-graph .node:hover .box{stroke-width:2.6}
.symbp-graph .lit .box{fill:#ffe97a;stroke:#b0005a;stroke-width:3}
.symbp-graph .lit .line{stroke:#b0005a;stroke-width:2.6}
.symbp-graph .lit .head{fill:#b0005a}
"""

_DARK = """
.symbp-graph text{fill:#e8ebf1}
.symbp-graph .shape,.symbp-graph .step{fill:#b4bdcb}
.symbp-graph .ground{fill:#14171d}
.symbp-graph .box{fill:#1f242d;stroke:#aab4c5}
.symbp-graph .line{stroke:#94a0b4}
.symbp-graph .head{fill:#94a0b4}
.symbp-graph .step{stroke:#14171d}
.symbp-graph .given .box{fill:#1d3050}
.symbp-graph .weight .box{fill:#3b3113;stroke:#dcb45a}
.symbp-graph .objective .box{fill:#1b3a24;stroke:#7fc991}
.symbp-graph .backward .box{fill:#39231a;stroke:#f0a07c}
.symbp-graph .gradient .box{fill:#55301f}
.symbp-graph .backward .line{stroke:#ef9a73}
.symbp-graph .backward .head{fill:#ef9a73}
.symbp-graph .lit .box{fill:#6b5b00;stroke:#ff8ac2}
.symbp-graph .lit .line{stroke:#ff8ac2}
.symbp-graph .lit .head{fill:#ff8ac2}
"""

#: Light, or dark where the reader prefers it; always light on paper.
STYLE = f"{_BASE}@media screen and (prefers-color-scheme:dark){{{_DARK}}}\n"

#: The same for a page whose root says in ``data-theme`` when it is not as the reader prefers.
PAGE_STYLE = f"""{_BASE}@media screen{{
@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{_DARK}}}}}
:root[data-theme="dark"]{{{_DARK}}}
}}
"""
