"""出错信息，中文，按英文模板查找。

Errors in Chinese, by their English templates; loaded when one is told in Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.typeset.words.zh_messages import data, equations, networks, results, texts

_SUBJECTS: tuple[Mapping[str, str], ...] = (
    equations.MESSAGES,
    texts.MESSAGES,
    networks.MESSAGES,
    data.MESSAGES,
    results.MESSAGES,
)

#: Chinese by English template; see `symbackprop.typeset.words.errors`.
MESSAGES: Mapping[str, str] = {
    english: chinese for subject in _SUBJECTS for english, chinese in subject.items()
}

#: What stands within messages only.
WITHIN: Mapping[str, str] = texts.WITHIN

#: What the operating system says of files.
SYSTEM: Mapping[str, str] = texts.SYSTEM
