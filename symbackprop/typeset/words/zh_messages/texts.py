"""出错信息，中文：方程文件、网络的文字写法，以及命令行。

What is wrong with equation files, with networks in text, and with the options of the command.
"""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = {
    "unknown {words} {}": "没有名为 {1} 的{0}",
    "did you mean {}? known: {}": "是否指 {}？可用的有：{}",
    "did you mean {}? known: none": "是否指 {}？",
    "known: {}": "可用的有：{}",
    "known: none": "没有可用的名称",
    "{} is not a {words}": "{} 不是可用的{}",
    "did you mean {}? use one of {}": "是否指 {}？可用的有：{}",
    "use one of {}": "可用的有：{}",
    # what a name can be the name of
    "argument of {}": "{} 的参数",
    "backend": "后端",
    "column": "列",
    "command": "命令",
    "data set": "数据集",
    "device of the backend {}": "后端 {} 的设备",
    "domain": "取值范围",
    "example": "例子",
    "dtype": "数据类型",
    "function": "函数",
    "index": "下标",
    "language": "语言",
    "layer": "层",
    "loss": "损失函数",
    "name": "名称",
    "objective": "目标函数",
    "optimizer": "优化器",
    "output": "输出",
    "parameter": "参数",
    "penalty": "惩罚项",
    "phrase": "用语",
    "reduction": "归约运算",
    "schedule": "学习率调度",
    "size": "大小",
    "statement": "语句",
    "symbol": "符号",
    "tensor": "张量",
    # roles of tensors
    "input": "输入",
    "target": "目标值",
    "hyperparameter": "超参数",
    "mask": "掩码",
    "intermediate": "中间变量",
    # what a name of an equation file stands for already
    "a parameter": "参数",
    "a target": "目标值",
    "an input": "输入",
    "a constant": "常数",
    "a hyperparameter": "超参数",
    "a size": "大小",
    "an index": "下标",
    "defined": "由等式定义的张量",
}

_PLACES = {
    "{}   (line {}, column {})\n{}^": "{}   （第 {} 行，第 {} 列）\n{}^",
    "{}   ({}, line {}, column {})\n{}^": "{}   （{}，第 {} 行，第 {} 列）\n{}^",
    "the text": "整段文字",
    "the values that were given": "所给的值",
    "the derived equations": "推导出的等式",
}

_GRAMMAR = {
    "expected {words}, found {}": "这里应为{}，却是 {}",
    "expected '(', found {}": "这里应为 '('，却是 {}",
    "expected {words}, found {}, which is a word of the language": "这里应为{}，却是 {}，"
    "它是保留字",
    "expected '(', found {}, which is a word of the language": "这里应为 '('，却是 {}，它是保留字",
    "the text cannot be read: expected {words}, found {}": "文字无法解读：这里应为{}，却是 {}",
    "the text cannot be read: expected {words}, found the end": "文字无法解读：这里应为{}，"
    "文字却已结束",
    "a name": "名称",
    "a number": "数",
    "quoted text": "带引号的文字",
    "the end": "结尾",
    "the end of the line": "行尾",
    "a statement": "语句",
    "an expression": "表达式",
    "an operator": "运算符",
    "a comparison such as '<='": "比较符号（如 '<='）",
    "'and' or 'or'": "'and' 或 'or'",
    "write {}": "写成 {}",
    "write {}(…), with all that belongs to it inside": "写成 {}(…)，把属于它的都放在括号里",
    "close the {} of line {}, column {}": "补上与第 {1} 行第 {2} 列的 {0} 配对的括号",
    "the character {} means nothing here": "字符 {} 在这里没有意义",
    "write names with letters, digits and _, and operators + - * / // ^": "名称由字母、数字和 _ "
    "组成，运算符有 + - * / // ^",
    "more than {} brackets are open at once": "同时打开的括号超过 {} 层",
    "define parts of it in equations of their own": "把其中的部分另写成等式",
    "this stands too deep inside other expressions": "这里嵌套得太深",
}

_FILES = {
    "cannot read {}: {words}": "无法读取 {}：{}",
    "give the path of an equation file": "给出方程文件的路径",
    "the file has more than {} bytes, so it is no equation file": "文件超过 {} 字节，不是方程文件",
    "give a text file of equations": "给出写有等式的文本文件",
    "the file is not text in UTF-8: line {} holds the byte 0x{}": "文件不是 UTF-8 文本："
    "第 {} 行有字节 0x{}",
    "save it as UTF-8": "用 UTF-8 编码保存",
    "there are no equations": "没有等式",
    "write index, input and parameter lines, equations, and minimize L": "写出 index、input、"
    "parameter 各行，再写等式和 minimize L",
    "{} always stands for a number": "{} 总是表示一个数",
    "use another name": "换一个名称",
    "{} is {words} here, but already {words} in line {}": "{0} 在这里是{1}，但第 {3} 行已用作{2}",
    "{} is {words} twice: first in line {}": "{} 两次用作{}：第一次在第 {} 行",
    "the constant {} has no value": "常数 {} 没有值",
    "write constant {} = 1e-5": "写成 constant {} = 1e-5",
    "the value of {} is no number: {}": "{} 的值不是一个数：{}",
    "write a number: hyperparameter {} = 0.1": "写一个数：hyperparameter {} = 0.1",
    "'{}' has no upper end to choose": "'{}' 的上界不能选择",
    "write ': {}' alone": "只写 ': {}'",
    "a parameter holds real numbers": "参数的元素是实数",
    "declare labels as input or target": "把标签声明为 input 或 target",
    "it is not said how many values the integers may have": "没有说明这些整数有多少种取值",
    "write ': integer < K', with the size of the axis they select from": "写 ': integer < K'，"
    "K 是它们所选取的轴的大小",
    "the size of an index is not said here": "下标的大小不在这里写",
    "declare it once: index {}:{}": "只声明一次：index {}:{}",
    "index {} is written for two axes": "下标 {} 用于两个轴",
    "declare another index of the same size for one of them": "为其中一个轴另外声明一个大小相同的下"
    "标",
    "an axis is written as an index": "轴要写成下标",
    "write z[n,k]": "写成 z[n,k]",
    "{} is a size, not an index": "{} 是大小，不是下标",
    "write an index that runs over it": "写一个范围是它的下标",
    "write an index that runs over it: {words}": "写一个范围是它的下标：{}",
    "a base case of {} stands at the equation of {}": "{} 的边界条件写在了 {} 的等式后面",
    "write {}[…] = …, or move it to the equation of {}": "写成 {}[…] = …，或移到 {} 的等式后面",
    "nothing is minimized": "没有写明要最小化什么",
    "end with a line: minimize L": "最后写一行：minimize L",
    "there are two things to minimize": "有两个要最小化的量",
    "minimize their sum": "改为最小化它们的和",
    "{} is {words}, and no equation defines it": "{} 是{}，没有等式定义它",
    "minimize what an equation defines: L = …": "最小化由等式定义的量：L = …",
    "{} is not a single number but one for each {}": "{} 不是一个数，而是对每组 {} 各有一个数",
    "minimize a sum over its indices": "改为最小化它对各下标的和",
}

_EXPRESSIONS = {
    "infinity is no number to compute with": "无穷大不能参与计算",
    "use it as a value of where(condition, a, -inf) alone": "只能用作 where(condition, a, -inf) "
    "的一个值",
    "this cannot be computed exactly": "这里无法精确计算",
    "write the numbers in it out, or make them parameters": "把其中的数直接算好写出，或改为参数",
    "this is not a real number": "这不是实数",
    "look for a division by 0, or a root or logarithm of a negative number": "检查是否除以 0，"
    "或对负数开方、取对数",
    "this divides by 0": "这里除以了 0",
    "divide by another number": "改用别的除数",
    "this number is too large or too small to compute with": "这个数太大或太小，无法计算",
    "float64 holds numbers between 1e-308 and 1e308": "float64 能表示 1e-308 到 1e308 之间的数",
    "{} runs over indices, and none are given": "{} 要对下标进行，但没有给出下标",
    "write {}[i](…)": "写成 {}[i](…)",
    "{} is {words}, not a function": "{} 是{}，不是函数",
    "write positions in [ ], and * between factors": "位置写在 [ ] 里，因子之间写 *",
    "{} takes {} argument, not {}": "{} 有 {} 个自变量，不是 {} 个",
    "{} takes {} arguments, not {}": "{} 有 {} 个自变量，不是 {} 个",
    "write {}({})": "写成 {}({})",
    "{} is {words}, not something that runs over indices": "{} 是{}，不是对下标进行的运算",
    "write * before a parenthesis to multiply": "乘法要在括号前写 *",
    "this is no index": "这不是下标",
    "write a letter: sum[i](…)": "写一个字母：sum[i](…)",
    "index {} is already in force here": "下标 {} 在这里已经有所指",
    "run over another letter: sum[j:{}](…)": "换一个字母：sum[j:{}](…)",
    "{} is {words}, not an index": "{} 是{}，不是下标",
    "run over another letter": "换一个字母",
    "index {} runs over {}, not {}": "下标 {} 的范围是 {}，不是 {}",
    "{} is an index here, and a size as well": "{} 在这里既是下标又是大小",
    "give the index a name of its own, such as i in index i:{}": "给下标另取一个名称，"
    "例如 index i:{} 中的 i",
    "index {} is not in force here": "下标 {} 在这里没有所指",
    "sum over it, sum[{}](…), or write it on the left side": "对它求和，sum[{}](…)，或把它写在左边",
    "{} is {words}, so it has no positions": "{} 是{}，后面不能写位置",
    "write {} alone": "只写 {}",
    "{}[…] is not followed by what it runs over": "{}[…] 后面缺少所作用的表达式",
    "write {}[i](…), with all that belongs to it in the parentheses": "写成 {}[i](…)，"
    "把属于它的都放在括号里",
    "{} has {} axis, but {words} position here": "{} 有 {} 个轴，这里却写了{}个位置",
    "{} has {} axis, but {words} positions here": "{} 有 {} 个轴，这里却写了{}个位置",
    "{} has {} axes, but {words} position here": "{} 有 {} 个轴，这里却写了{}个位置",
    "{} has {} axes, but {words} positions here": "{} 有 {} 个轴，这里却写了{}个位置",
    "{} has no axes, but {words} position here": "{} 没有轴，这里却写了{}个位置",
    "{} has no axes, but {words} positions here": "{} 没有轴，这里却写了{}个位置",
    "no": "0",
    "write it as {}[{}]": "写成 {}[{}]",
    "a position has no size": "位置没有大小",
    "write ':' in sum[j:K](…) alone": "只有在 sum[j:K](…) 中才写 ':'",
    "this axis has size {}, but index {} runs over {}": "这个轴的大小是 {}，而下标 {} 的范围是 {}",
    "this is no position": "这不能作为位置",
    "write an index, a whole number, labels such as token[n,t], or a sum of indices times whole "
    "numbers, such as 2*p+u-1": "写一个下标、一个整数、标签（如 token[n,t]），或整数乘以下标的和，"
    "例如 2*p+u-1",
    "{} does not hold whole numbers, so it is no position": "{} 的元素不是整数，不能作为位置",
    "declare it as labels: input {}[…] : integer < {}": "把它声明为标签：input {}[…] : integer < "
    "{}",
    "this axis has size {}, but {} holds labels of {} classes": "这个轴的大小是 {}，"
    "而 {} 是 {} 个类别的标签",
    "make the sizes agree": "使大小一致",
    "write a positive whole number, a name, or + - * // of them": "写一个正整数、一个名称，"
    "或用 + - * // 由它们组成的算式",
}

_MODELS = {
    'write names and arguments, as in "Linear(10, 20) ReLU Linear(20, 1)"': "写出名称和参数，例如 "
    '"Linear(10, 20) ReLU Linear(20, 1)"',
    "the text names no {words}": "文字中没有{}",
    "write one of: {}": "可以写的有：{}",
    "one {words} is needed, not {}": "需要 1 个{}，却有 {} 个",
    "keep one {words}, with its arguments in parentheses": "只保留 1 个{}，参数写在括号里",
    "{}: {} follows a named argument": "{}：{} 写在了具名参数之后",
    "{}: {} is given twice": "{}：{} 给出了两次",
    "{} takes no arguments, but {} are given": "{} 没有参数，却给出了 {} 个",
    "{} takes {} argument, but {} are given": "{} 有 {} 个参数，却给出了 {} 个",
    "{} takes {} arguments, but {} are given": "{} 有 {} 个参数，却给出了 {} 个",
    "{} needs {words}": "{} 缺少参数 {}",
}

_OPTIONS = {
    "this is no text, so a terminal cannot show it": "这不是文本，无法显示在终端上",
    "name a file, as in -o derivation.pdf": "指定一个文件，例如 -o derivation.pdf",
    "the example {} has equations of its own": "例子 {} 有自己的等式",
    "leave {words} out, or leave --example out": "去掉 {}，或去掉 --example",
    "{} is for numbers that are drawn": "{} 只用于随机抽取的数值",
    "there are no numbers that {} is for": "没有数值可供 {} 使用",
    "leave it out, or let them be drawn by --numbers {}": "去掉它，或用 --numbers {} 随机抽取",
    "add --numbers {}, --numbers FILE or --example NAME": "加上 --numbers {}、"
    "--numbers FILE 或 --example NAME",
    "the example {} has numbers of its own": "例子 {} 有自己的数值",
    "leave --numbers out": "去掉 --numbers",
    "cannot write {}: {words}": "无法写入 {}：{}",
    "give a file in a folder that can be written": "换一个可以写入的文件夹中的文件",
    "an equation file says itself which axes its tensors have": "方程文件自己规定了张量有哪些轴",
    "leave --input out": "去掉 --input",
    "an equation file says itself what is minimized, so there is no loss to choose": "方程文件自己"
    "规定了最小化什么，不能另选损失函数",
    "leave --loss out": "去掉 --loss",
    "size {} is given twice": "大小 {} 给出了两次",
    "give it once": "只给一次",
    "{} gives no size a number": "{} 没有给出某个大小的数值",
    "write a name and a positive whole number, as in --size N=7": "写一个名称和一个正整数，"
    "例如 --size N=7",
    "{} is named twice": "{} 的符号给出了两次",
    "name it once": "只给一次",
    "{} gives no symbol a name": "{} 没有给出某个名称的符号",
    'write a name and its LaTeX, as in --name "W1=W^{(1)}"': "写一个名称和它的 LaTeX，"
    '例如 --name "W1=W^{(1)}"',
    "an equation file names its targets, so there is none to choose": "方程文件自己指明了目标值，"
    "不能另选",
    "leave --target out": "去掉 --target",
    "the sizes of a network are written in MODEL, or told by the data": "网络的大小写在 MODEL 中，"
    "或由数据决定",
    "write numbers, as in Linear(64, 16); --size is for equation files": "直接写数，例如 "
    "Linear(64, 16)；--size 只用于方程文件",
}

#: What stands within messages only: lists, and words that belong together.
WITHIN: Mapping[str, str] = {
    "{words}, {words}": "{}、{}",
    "{words} and {words}": "{}，{}",
    "{words} or {words}": "{}或{}",
    "{} or {words}": "{} 或{}",
    "{} and {words}": "{} 和{}",
    "{words}; {words}": "{}；{}",
    "{} as {words}": "{}：{}",
    "{} and no array {words}": "{}，也没有数组 {}",
    "{}: {words}": "{}：{}",
}

#: What the operating system says of files; not templates of ours.
SYSTEM: Mapping[str, str] = {
    "No such file or directory": "没有这个文件或文件夹",
    "Permission denied": "没有权限",
    "Is a directory": "这是一个文件夹",
    "Not a directory": "路径中有一段不是文件夹",
    "File exists": "文件已存在",
    "No space left on device": "磁盘空间不足",
    "Read-only file system": "文件系统是只读的",
    "File name too long": "文件名太长",
}

#: Chinese by English template.
MESSAGES: Mapping[str, str] = {
    **_NAMES,
    **_PLACES,
    **_GRAMMAR,
    **_FILES,
    **_EXPRESSIONS,
    **_MODELS,
    **_OPTIONS,
}
