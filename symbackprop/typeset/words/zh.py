"""页面用语，中文；术语依《深度学习》与《动手学深度学习》。

The words of a page in Chinese, with the terms of the Chinese editions of Goodfellow et al.
and of "Dive into Deep Learning".
"""

from __future__ import annotations

from collections.abc import Mapping

_RULES = {
    "chain-rule": "链式法则",
    "chain-rule.brief": "对所有用到 {used} 的等式求和",
    "chain-rule.why": "{used} 只通过用到它的等式影响最终结果：每个等式贡献一项，"
    "即最终结果关于该等式左边的导数，乘以左边关于 {used} 的偏导数；各项相加。",
    "inline-adjoint": "代入",
    "inline-adjoint.brief": "用关于 {used} 的导数的表达式代替它的记号",
    "inline-adjoint.why": "关于 {used} 的导数前面已经求出，可以用它的表达式代替它的记号。",
    "fold-definition": "前向值",
    "fold-definition.brief": "按定义它就是 {used}",
    "fold-definition.why": "前向传播已经算过这个表达式：按定义它就是 {used}。",
    "contract-delta": "克罗内克 δ",
    "contract-delta.brief": "每个克罗内克 δ 从求和中选出一项",
    "contract-delta.why": "克罗内克 δ 在两个下标相等时为 1，否则为 0，"
    "因此可以用一个下标代替另一个，对该下标的求和只剩一项。",
    "base-case": "边界条件",
    "base-case.brief": "{used} 在下标范围之外取边界条件给出的值，否则为 0",
    "base-case.why": "这个元素在 {used} 的下标范围之外：有边界条件时取边界条件给出的值，"
    "没有时为 0。",
    "use-fact": "已知条件",
    "use-fact.brief": "方程组声明了 {used}",
    "use-fact.why": "方程组中声明了 {used}，因此可以用右边代替左边。",
    "constant-sum": "常数和",
    "constant-sum.brief": "由 {used} 的定义，它是常数",
    "constant-sum.why": "代入 {used} 的定义后，和中变化的部分全部抵消："
    "无论输入是什么，它都是同一个数。",
    "zero-sum": "和为零",
    "zero-sum.brief": "由 {used} 的等式，各项相互抵消",
    "zero-sum.why": "代入 {used} 的等式后，和中各项相互抵消，所以和为 0。",
    "absorb-mask": "多余的掩码",
    "absorb-mask.brief": "条件不成立处 {used} 为 0",
    "absorb-mask.why": "凡是条件不成立的地方，{used} 本来就是 0，"
    "所以去掉表示该条件的因子不改变结果。",
    "fold-sum": "前向和",
    "fold-sum.brief": "按定义它就是 {used}",
    "fold-sum.why": "前向传播已经算过这个和：按定义它就是 {used}。",
    "swap-sums": "交换求和次序",
    "swap-sums.brief": "由 {used} 的等式，先对另一个下标求和",
    "swap-sums.why": "有限和可以交换求和次序，交换之后内层的和是已知的：这里用到 {used} 的等式。",
    "expand": "展开",
    "expand.brief": "有的项抵消或合并",
    "expand.why": "由分配律，和的乘积等于乘积的和；展开之后有的项抵消或合并。",
    "factor": "提取公因子",
    "factor.brief": "把公因子写在和的外面",
    "factor.why": "这些项有公因子；由分配律，公因子只需写一次，乘以其余部分的和。",
    "matrix-form": "矩阵形式",
    "matrix-form.brief": "同一等式用矩阵写出",
    "matrix-form.why": "对两个因子共有的下标求和就是矩阵乘法，不求和的乘积是逐元素乘积，"
    "因此不必再写出下标。",
}

_PAGE = {
    # the language itself: as its readers call it, and as HTML and LaTeX do
    "language-name": "中文",
    "language-tag": "zh-CN",
    # between the items of a list, between clauses, and after a title
    "comma": "、",
    "clause": "，",
    "colon": "：",
    "if": "若",
    "otherwise": "其他",
    "base": "其中",
    # headings
    "title": "{objective} 的梯度：逐步推导",
    "given": "已知",
    "graph": "计算图",
    "forward": "前向传播",
    "backward": "反向传播",
    "gradients": "梯度",
    "summary": "小结",
    "notation": "记号",
    "numbers": "代入数值",
    "notebook-derive": "推导",
    "notebook-differences": "与有限差分比较",
    "notebook-verify": "用独立的方法验证",
    # headings of tables
    "forward-equation": "前向",
    "gradient": "梯度",
    "shape": "形状",
    "cost": "乘法次数",
    # parts of a step
    "step-result": "结果",
    # roles
    "input": "输入",
    "target": "目标值",
    "label": "类别标签",
    "parameter": "参数",
    "hyperparameter": "超参数",
    "mask": "由 0 和 1 组成的掩码",
    "noise": "标准正态噪声",
    "intermediate": "中间变量",
    "objective": "目标函数",
    # repeated blocks
    "blocks": "第 {first} 至 {last} 块同第 {like} 块",
    "fold": "{blocks}：{used}",
    # what was checked
    "checked-heading": "验证",
    "checked": "以上 {count} 个等式都在随机抽取的 {points} 个点处求值{sizes}："
    "两边的 {digits} 位有效数字相同（最大相差 {worst}）。",
    "checked-sizes": "（{sizes}）",
    "checked-not": "与 {names} 有关的等式未全部验证：在这样的尺寸下耗时过长。"
    "把同一网络改用较小的尺寸推导，即可验证。",
}

_NOTES = {
    "note-bracket": "[条件] 在条件成立时为 1，否则为 0",
    "note-first": "argmax 是逐行数起第一个取到最大值的位置",
    "note-outside": "下标超出范围的元素为 0，边界条件另有规定的除外",
    "note-range": "下标从 0 开始；{used}",
    "note-slice": "{used} 是一个切片：没有写出下标的轴是它的行和列",
    "note-ones": "{used} 是全 1 列向量",
    "note-onehot": "{used} 是标签的独热编码：样本所属的类别处为 1，其余为 0",
    "note-entrywise": "⊙、⊘ 和作用于矩阵的函数都逐元素计算；矩阵加一个数，是每个元素都加这个数",
    "note-column": "每列一个样本：含批量轴的张量都写成转置",
    # how derivatives are laid out
    "layout-index": "下标记号：每个等式只涉及一个元素，不必选择布局",
    "layout-row": "每行一个样本；关于矩阵的梯度与该矩阵形状相同（分母布局）",
    "layout-column": "每列一个样本；关于矩阵的梯度与该矩阵形状相同（分母布局）",
    "layout-numerator": "若用分子布局，每个梯度都是此处所示梯度的转置",
}

_CONTROLS = {
    "control-skip": "跳到推导",
    "control-previous": "上一步",
    "control-next": "下一步",
    "control-position": "第 {number} 步，共 {count} 步",
    "control-keys": "按键：← 或 k 上一步，→ 或 j 下一步，Esc 取消",
    "control-level": "详细程度",
    "level-result": "只看结果",
    "level-key": "关键步骤",
    "level-all": "全部步骤",
    "control-language": "语言",
    "control-notation": "记法",
    "view-index": "下标",
    "view-row": "矩阵，每行一个样本",
    "view-column": "矩阵，每列一个样本",
    "control-theme": "主题",
    "theme-auto": "跟随系统",
    "theme-light": "浅色",
    "theme-dark": "深色",
    "control-copy": "复制 LaTeX",
    "control-copied": "已复制",
}

_ERRORS = {
    "error": "错误",
    "error-where": "位置",
    "error-remedy": "建议",
    "error-interrupted": "已中断",
    "error-defect": "这是 symbackprop 自身的缺陷；用 symbp --debug … 可以看到出错的位置",
}

_REPORT = {
    "report-gradient": "梯度",
    "report-subject": "验证对象",
    "report-oracle": "对照",
    "report-error": "误差",
    "report-tolerance": "容许误差",
    "report-ok": "通过",
    "report-failed": "不符",
    "report-row": "{gradient}：{subject} 对照 {oracle}：误差 {error}，"
    "容许误差 {tolerance}：{state}",
    "report-note": "（{note}）",
    "report-nothing": "没有验证任何内容",
    "report-holds": "全部通过；误差最大的一项：{worst}",
    "report-fails": "{count} 项中有 {failed} 项不符；误差最大的一项：{worst}",
    # what was checked, against what, and what that is
    "report-subject-equations": "等式",
    "report-subject-steps": "推导步骤",
    "report-oracle-expanded": "逐元素展开",
    "report-oracle-differences": "有限差分",
    "report-oracle-steps": "步骤两边",
    "report-meaning-expanded": "把等式展开成标量，用 sympy.diff 求导，80 位数字",
    "report-meaning-differences": "中心差分，80 位数字",
    "report-meaning-autograd": "torch.autograd，float64",
    "report-meaning-torch.nn": "torch.nn 中同名的模块",
    "report-meaning-steps": "推导中每一步的两边，80 位数字",
}

_TRAINING = {
    "train-data": "数据：{source}，{features} 个特征，{target}；{rows} 行用于学习，"
    "{held_out} 行留出",
    "train-classes": "{count} 个类别",
    "train-real": "目标值是实数",
    "train-model": "模型：{model}",
    "train-arrays": "数据：{source}{sizes}；{rows} 行用于学习，{held_out} 行留出",
    "train-equations": "等式：{source}，{count} 个数待学习",
    "train-loss": "损失函数：{loss}；优化器：{optimizer}；批量大小 {batch_size}",
    "train-gradient": "梯度：与 torch.autograd 一致，相差 {error}",
    "train-bar": "训练",
    "train-held-out": "留出的数据：{measures}",
    "train-kept": "保存在：{folder}",
    "measure-loss": "损失",
    "measure-accuracy": "准确率",
    "measure-precision": "精确率",
    "measure-recall": "召回率",
}

_NUMBERS = {
    "numbers-update": "梯度下降一步",
    "numbers-rate": "学习率",
    "numbers-after": "更新一步之后",
    "numbers-rounded": "≈ 表示数值经过舍入：至少保留 {digits} 位有效数字（较宽的矩阵中可能更少），"
    "显示之前不作任何舍入。",
    "numbers-drawn": "数值为随机抽取，种子为 {seed}。",
    "numbers-figures": "供对照的数值",
    "mazur-names": "网络和数值取自 {source}。原文把 {first} 的元素按行依次称为 w1 至 w4，"
    "把 {second} 的元素称为 w5 至 w8；偏置保持不变。",
    "mazur-published": "原文给出的更新一步后的误差是 {published}，而由原文自己的新权重得到的是 "
    "{found}；若用已经更新过的 {second} 来计算关于 {first} 的导数，结果是 {slipped}，"
    "正是原文公布的数值。",
}

_GRAPH = {
    "graph-summary": "{computed} 个计算得到的张量，{given} 个已知张量；"
    "箭头从每个张量指向用到它的张量",
    "graph-mirror": "旁边是反向图：导数按链式法则往回传播",
    "graph-forward": "前向 ↓",
    "graph-backward": "↑ 反向",
    "graph-seed": "反向传播的起点",
    "graph-adjoint": "目标函数的导数",
    "graph-reads": "用于计算",
    "graph-flows": "链式法则",
    "graph-recurs": "用于另一时间步的计算",
    "graph-shared": "在图中出现多次",
    "graph-scalar": "标量",
}

#: Phrases by rule or part of a page.
PHRASES: Mapping[str, str] = {
    **_RULES,
    **_PAGE,
    **_NOTES,
    **_CONTROLS,
    **_ERRORS,
    **_REPORT,
    **_TRAINING,
    **_NUMBERS,
    **_GRAPH,
}
