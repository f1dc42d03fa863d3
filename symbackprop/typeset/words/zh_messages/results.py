"""出错信息，中文：编译、排版和验证。

What is wrong where equations are compiled, typeset, evaluated and verified.
"""

from __future__ import annotations

from collections.abc import Mapping

_COMPILING = {
    "{} is a function without a value": "{} 是没有给出取值的函数",
    "write it with the functions of symbackprop.PRIMITIVES": "用 symbackprop.PRIMITIVES "
    "中的函数来写",
    "{} has no spelling for the backend {}": "{} 在后端 {} 中没有对应的写法",
    "add one to its record, or use {}": "在它的记录中补上，或用 {}",
    "the size {} is not arithmetic of whole sizes": "大小 {} 不是由整数大小组成的算式",
    "write it with +, -, *, sp.floor, or give it a letter of its own": "用 +、-、*、sp.floor 来写，"
    "或给它一个单独的字母",
    "there is no prediction: the objective is the only equation": "没有预测值："
    "目标函数是唯一的等式",
    "write what is predicted as an equation of its own": "把预测值单独写成等式",
    "what is added up along {} depends on earlier steps": "沿 {} 求和的内容依赖于更早的时间步",
    "write that sum as an equation of its own, after the recurrence": "把这个和单独写成等式，"
    "放在递推式之后",
    "the size {} is the size of no array that is given": "大小 {} 不是所给的任何数组的大小",
    "give it as a number, or give an array that has it as an axis": "用数给出它，"
    "或给出有这样一个轴的数组",
    "{} is used before it is computed": "{} 在算出之前就被使用",
    "put its equation first": "把它的等式放在前面",
    "{} has base cases along another axis than it recurs along": "{} "
    "的边界条件所沿的轴与递推所沿的轴不同",
    "give base cases along one axis": "边界条件只沿一个轴给出",
    "device 'cuda' was asked for, but PyTorch sees no GPU here": "要求用 device='cuda'，"
    "但 PyTorch 在这里找不到 GPU",
    "use device='cpu', or a PyTorch built for the GPU of this computer": "用 device='cpu'，"
    "或安装支持本机 GPU 的 PyTorch",
}

_TYPESETTING = {
    "{} has no typeset form": "{} 没有排版形式",
    "use one of symbackprop.PRIMITIVES": "使用 symbackprop.PRIMITIVES 中的函数",
    "write it with the language's primitives": "用基本函数来写",
    "{} is not a way to write equations": "没有 {} 这种书写等式的方式",
    "the sides of {words} run over {} and {}": "{}两边的范围分别是 {} 和 {}",
    "an equation": "等式",
    "a diagonal": "对角矩阵",
    "a scalar factor": "标量因子",
    "a matrix product": "矩阵乘积",
    "use the index equation: it has no matrix form in this order": "使用下标形式的等式："
    "按这个次序它没有矩阵形式",
    "the graph has {} edges, and Mermaid draws no more than {}": "图有 {} 条边，而 Mermaid 最多画 "
    "{} 条",
    "draw it as SVG": "改画成 SVG",
    "{} is not a level of detail": "没有 {} 这种详细程度",
    "{} would look like {}: both are shown as {}": "{} 会与 {} 混淆：两者都显示为 {}",
    "give it another symbol, or give the other one a new one too": "给它换一个符号，"
    "或给另一个也换一个",
}

_VERIFYING = {
    "{} is an abstract function of {} arguments": "{} 是 {} 元的抽象函数",
    "write it as a function of one argument to have it verified": "写成一元函数才能验证",
    "the equation has shape {}, {} {}": "等式的形状是 {}，而 {} 是 {}",
    "it has shape {}, not {}": "它的形状是 {}，不是 {}",
    "step {} of {} for {}, {}": "{2} 的第 {0} 步（共 {1} 步，{3}）",
    "step {} of {} for {}, {},": "{2} 的第 {0} 步（共 {1} 步，{3}）",
    "step {} of {} for {}, {}: {words}": "{2} 的第 {0} 步（共 {1} 步，{3}）：{4}",
    "{} is read at {}, which it does not have": "{} 没有位置 {}，却在那里读取它",
    "the index that reads an axis must run over that axis's size": "读取一个轴的下标，"
    "其范围必须是该轴的大小",
    "no case of a piecewise definition holds": "分段定义的各段条件都不成立",
    "end it with a case whose condition is True": "最后加上条件为 True 的一段",
    "nothing was verified: the derivation has no gradients": "没有可以验证的：推导没有梯度",
    "derive with respect to at least one tensor": "至少关于一个张量求导",
    "the gradient of {} is wrong: {} and {} differ by {}, where {} is allowed": "{} 的梯度有误：{} "
    "与 {} 相差 {}，而允许的误差是 {}",
    "print the report: {} of its {} comparisons fail": "打印报告查看：{1} 项比较中有 {0} 项不符",
    "the objective or a derivative of it is not a finite number at any of {} points drawn to check "
    "it at": "在抽取的 {} 个验证点处，目标函数或它的某个导数都不是有限的数",
    "give the tensors a domain ('positive', 'unit') in which every function has a value, or the "
    "network an output that the loss can take": "给张量指定使每个函数都有值的取值范围（'positive'、"
    "'unit'），或让网络的输出适合损失函数",
    "a declared fact does not hold of the numbers drawn to check with": "抽取的验证数值不满足所声明"
    "的已知条件",
    "declare facts of the form Sum(T[…, k], k) = c, or give T a domain in which the fact always "
    "holds": "已知条件写成 Sum(T[…, k], k) = c 的形式，或给 T 指定使它总成立的取值范围",
    "{} was given with shape {}, which does not tell what size {} is made of": "{} 给出的形状是 "
    "{}，由此不能得知大小 {} 中各字母的值",
    "give it shape {}; each size should be that of an axis by itself": "形状应为 {}；"
    "每个大小都应单独是某个轴的大小",
    "give an array of shape {}": "给出形状为 {} 的数组",
    "size {} is {} where {}": "当 {2} 时，大小 {0} 等于 {1}",
    "choose sizes with which it is at least 1": "选取各个大小，使它至少为 1",
    "size {} cannot be {}": "大小 {} 不能是 {}",
    "give a positive whole number": "给出一个正整数",
    "{} has no meaning in PyTorch here": "{} 在 PyTorch 中没有对应的含义",
    "add it to the functions of symbackprop.verify.torch_reader": "把它加入 "
    "symbackprop.verify.torch_reader 的函数",
}

_SYMBOLS = {
    "{} is no symbol: {words}": "{} 不是一个符号：{}",
    "write one symbol in LaTeX, such as W^{(1)} or \\hat{y}_0": "用 LaTeX 写一个符号，"
    "例如 W^{(1)} 或 \\hat{y}_0",
    "\\{} takes letters, digits and punctuation in braces, not {}": "\\{} "
    "后面的花括号里只能有字母、数字和标点，而不是 {}",
    "\\{} is not a command that symbols are made of": "\\{} 不是可以组成符号的命令",
    "use letters, digits, scripts, accents such as \\hat, alphabets such as \\mathbf": "使用字母、"
    "数字、上下标、重音（如 \\hat）和字体（如 \\mathbf）",
    "it has {}": "其中有 {}",
    "put words into \\text{…}": "文字写在 \\text{…} 里",
    "leave it out": "去掉它",
    "a pair of braces": "一对花括号",
    "its {}": "它的 {}",
    "{words} has no content": "{}没有内容",
    "two {} stand at one letter": "一个字母有两个 {}",
    "make one script of them": "合并成一个",
    "a prime stands after a superscript": "撇号写在了上标之后",
    "put the prime first: W'^{2}": "把撇号写在前面：W'^{2}",
    "nothing stands before its {}": "{} 前面没有内容",
    "something follows its scripts": "上下标后面还有内容",
    "put braces around what comes first: {x_1}y": "把前面的部分放进花括号：{x_1}y",
    "{} stands outside a script": "{} 不能写在上下标之外",
    "it has no letter": "其中没有字母",
    "a { is never closed": "有一个 { 没有配对",
    "its braces nest more than {} deep": "花括号嵌套超过 {} 层",
    "a } closes nothing": "有一个 } 没有配对",
    "it is longer than {} characters": "它超过 {} 个字符",
}

_PAPER = {
    "{} stopped: {}": "{} 出错停止：{}",
    "{} stopped: it wrote no PDF and named no error": "{} 停止了：没有写出 PDF，也没有说明错误",
    "write LaTeX instead, --format tex, and compile it to see what is wrong": "改为写出 LaTeX，"
    "--format tex，自行编译以查看错误",
    "install the TeX package that has {}: on Debian and Ubuntu it is in texlive-latex-base or, for "
    "Chinese, in texlive-lang-chinese": "安装含有 {} 的 TeX 宏包：在 Debian 和 Ubuntu 上它在 "
    "texlive-latex-base 中，中文的在 texlive-lang-chinese 中",
    "{} did not end within {} seconds": "{} 在 {} 秒内没有结束",
    "the fonts have no {}, so the page would lack it": "字体中没有 {}，页面上会缺少它",
    "show the tensor it belongs to by another symbol, as in --name W=W": "给它所属的张量换一个符"
    "号，例如 --name W=W",
    "no TeX program that can set Chinese is installed: looked for {}": "没有安装能排中文的 TeX "
    "程序：找过 {}",
    "no TeX program is installed: looked for {}": "没有安装 TeX 程序：找过 {}",
    "install one: on Debian and Ubuntu `apt install texlive-latex-base`, for Chinese `apt install "
    "texlive-xetex texlive-lang-chinese`; elsewhere TeX Live, MiKTeX or Tectonic; or write LaTeX, "
    "which needs none of them: --format tex": "安装一个：在 Debian 和 Ubuntu 上用 `apt install "
    "texlive-latex-base`，排中文用 `apt install texlive-xetex texlive-lang-chinese`；"
    "在其他系统上用 TeX Live、MiKTeX 或 Tectonic；或只写出 LaTeX，不需要这些程序：--format tex",
}

_NUMBERS = {
    "save it with np.savez(path, x=…, W1=…, b1=…)": "用 np.savez(path, x=…, W1=…, b1=…) 保存",
    "the learning rate {} is {}": "学习率 {} 是 {}",
    "give a number greater than 0, such as 0.5": "给出大于 0 的数，例如 0.5",
    "the file holds no tensors by name": "文件中没有按名称给出的张量",
    'write one object of tensors by name: {"x": [[0.05, 0.1]], "b1": 0.35, "lr": 0.5}': "写成一个按"
    '名称给出张量的对象：{"x": [[0.05, 0.1]], "b1": 0.35, "lr": 0.5}',
    "not a JSON file: {words}": "不是 JSON 文件：{}",
    "the file is not text in UTF-8: {}": "文件不是 UTF-8 文本：{}",
    "the file has more than {} bytes": "文件超过 {} 字节",
    "give the numbers of a small example": "给出小例子的数值",
    "give the path of a JSON or NPZ file of numbers": "给出写有数值的 JSON 或 NPZ 文件的路径",
    "{} is {}, which is no label of {} classes": "{} 是 {}，不是 {} 个类别的标签",
    "give whole numbers from 0 to {}": "给出 0 到 {} 的整数",
    "{} is {}, and {} is declared {}": "{} 是 {}，而 {} 声明的取值范围是 {}",
    "greater than 0": "大于 0 的数",
    "strictly between 0 and 1": "大于 0 且小于 1 的数",
    "give numbers {words}": "给出{}",
    "{words} is {}, which is not a number to compute with": "{} 是 {}，这个数无法计算",
    "give finite numbers below 10^{}": "给出绝对值小于 10^{} 的有限的数",
    "the learning rate {}": "学习率 {}",
    "{words} is {}, which is not a number": "{} 是 {}，不是数",
    "give numbers, such as 0.05": "给出数，例如 0.05",
    "{} has {} entries, and those before it have {}": "{} 有 {} 个元素，而它之前的都有 {} 个",
    "{} has no list, and those before it have {}": "{} 不是列表，而它之前的都有 {} 个元素",
    "give every row the same number of entries": "让每行的元素个数相同",
    "{} is empty: it has shape {}": "{} 是空的：它的形状是 {}",
    "labels of shape {}": "形状为 {} 的标签",
    "numbers of shape {}": "形状为 {} 的数组",
    "a single number": "一个数",
    "give {}, {words}": "给出 {}，即{}",
    "{} is computed by an equation, so its numbers are not to be given": "{} 由等式算出，"
    "不能给出它的数值",
    "leave it out; what is given is {}": "去掉它；需要给出的是 {}",
    "there are no numbers for {}": "没有 {} 的数值",
    "{} was given with shape {}, not {}": "{} 给出的形状是 {}，不是 {}",
    "{} = {} as in {}": "{} = {}（由 {} 得知）",
    "give it shape {}, where {words}": "形状应为 {}，其中 {}",
    "give it shape {}": "形状应为 {}",
    "{} was given with shape {}, which is not of {} axes": "{} 给出的形状是 {}，而它应有 {} 个轴",
    "give a single number": "给出一个数",
    "the objective {} is not a finite number at these values": "目标函数 {} "
    "在这些数值处不是有限的数",
    "give numbers at which every function has a value": "给出使每个函数都有值的数",
    "a declared fact does not hold of the numbers given": "所给的数值不满足所声明的已知条件",
    "give numbers of which it holds": "给出满足它的数值",
    "the function {} is left open, so it has no numbers": "函数 {} 没有具体指定，无法求值",
    "write a function of the language in its place": "换成具体的函数",
    "numbers are put through the derivation of a gradient, not of a Jacobian": "数值只能代入梯度的"
    "推导，不能代入雅可比矩阵的推导",
    "derive a system with a scalar objective": "推导目标函数为标量的方程组",
    "the objective is not a finite number at any of {} points drawn": "在抽取的 {} 个点处，"
    "目标函数都不是有限的数",
    "give the tensors a domain ('positive', 'unit') in which every function has a value, or give "
    "numbers in a file": "给张量指定使每个函数都有值的取值范围（'positive'、'unit'），"
    "或用文件给出数值",
}

_EQUALITIES = {
    "a side of size 1 meets one of size {}": "大小为 1 的一边遇到了大小为 {} 的一边",
    "{} has no element at {}": "{} 在 {} 处没有元素",
    "the matrix form of the equation for {} ({} convention)": "{} 的等式的矩阵形式（{} 约定）",
    "{words} cannot be evaluated: {words}": "{}无法求值：{}",
    "the derivatives do not hold": "这些导数不成立",
    "the derivative by {} is not the change of {}": "关于 {} 的导数与 {} 的变化不符",
    "the equation for {} is not what its steps lead to": "{} 的等式与各步推导的结果不同",
    "{words} does not hold": "{}不成立",
    "{} does not hold": "{} 不成立",
    "{words}: {} is not {}": "{}：{} 不等于 {}",
    "row {}, column {}": "第 {} 行，第 {} 列",
    "its one place": "唯一的位置",
    "{} at {words}": "{} 在{}处",
    "{words}: {} = {}": "{}：{} = {}",
    "{} at {words}: {} = {}": "{} 在{}处：{} = {}",
    "{words}, at random numbers with {}": "{}，取随机数，其中 {}",
    "{words}, at random numbers": "{}，取随机数",
    "the equation for {} cannot be evaluated: {words}": "{} 的等式无法求值：{}",
    "this is a defect of the derivation, not of your equations: please report it with this "
    "message; `symbp verify` shows which gradients are right": "这是推导本身的缺陷，不是等式有误："
    "请附上这段信息报告；用 `symbp verify` 可以看出哪些梯度是对的",
}

#: Chinese by English template.
MESSAGES: Mapping[str, str] = {
    **_COMPILING,
    **_TYPESETTING,
    **_VERIFYING,
    **_SYMBOLS,
    **_PAPER,
    **_NUMBERS,
    **_EQUALITIES,
}
