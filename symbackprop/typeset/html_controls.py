"""What a reader can choose on an HTML page, and how to go through it step by step.

All of it is hidden until the script runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.typeset.html_words import tag, words
from symbackprop.typeset.page import LEVELS, View
from symbackprop.typeset.words import LANGUAGES, phrase

#: Light and dark are a reader's choice; what is shown first is as the system has it.
THEMES = ("auto", "light", "dark")


def controls(views: Sequence[View], view: View, level: str, language: str) -> str:
    """The choices, those in force checked."""
    sets = [
        _choice("language", tag(language), {tag(each): _own_name(each) for each in LANGUAGES}),
        _choice("notation", view, {each: words(f"view-{each}") for each in views}),
        _choice("level", level, {each: words(f"level-{each}") for each in LEVELS}),
        _choice("theme", THEMES[0], {each: words(f"theme-{each}") for each in THEMES}),
    ]
    return f'<form class="controls" hidden>\n{"".join(sets)}</form>'


def stepper() -> str:
    """The bar by which a reader goes from one step to the next, and parts the script copies."""
    position = words(
        "control-position",
        number='<span class="number"></span>',
        count='<span class="count"></span>',
    )
    return f"""<nav class="stepper" aria-labelledby="keys" hidden>
{_button("previous", "←")}
<p class="hint" id="keys">{words("control-keys")}</p>
<output>{position}</output>
{_button("next", "→")}
</nav>
<aside class="card" id="card" hidden></aside>
<template id="copy"><button type="button" class="copy"><span class="ready">{words("control-copy")}\
</span><span class="done" aria-live="polite" hidden>{words("control-copied")}</span></button>\
</template>"""


def skip_link() -> str:
    """The first link of the page."""
    return f'<a class="skip" href="#derivation">{words("control-skip")}</a>'


def _own_name(language: str) -> str:
    return f'<span class="own" lang="{tag(language)}">{phrase("language-name", language)}</span>'


def _choice(name: str, chosen: str, labels: dict[str, str]) -> str:
    """Radio buttons; none where there is nothing to choose."""
    if len(labels) < 2:
        return ""
    options = "\n".join(
        f'<label><input type="radio" name="{name}" value="{value}"'
        f"{' checked' if value == chosen else ''}>{label}</label>"
        for value, label in labels.items()
    )
    return f"<fieldset>\n<legend>{words(f'control-{name}')}</legend>\n{options}\n</fieldset>\n"


def _button(name: str, sign: str) -> str:
    return (
        f'<button type="button" class="{name}"><span aria-hidden="true">{sign}</span>'
        f'<span class="spoken">{words(f"control-{name}")}</span></button>'
    )
