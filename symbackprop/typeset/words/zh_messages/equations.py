"""出错信息，中文：等式、张量、方程组，以及对它们求导。

What is wrong with equations, tensors and systems, and with what is to be derived from them.
"""

from __future__ import annotations

from collections.abc import Mapping

_TENSORS = {
    "a tensor needs a name": "张量需要一个名称",
    "give it one, such as 'x'": "给它取一个名称，例如 'x'",
    "{} is not an index, so it cannot be an axis of tensor {}": "{} 不是下标，不能作为张量 {} 的轴",
    'make one with sb.index("n", "N")': '用 sb.index("n", "N") 创建下标',
    "two axes of tensor {} share one index": "张量 {} 的两个轴用了同一个下标",
    "give each axis an index of its own, of the same size if need be": "让每个轴有自己的下标，"
    "需要时大小可以相同",
    "tensor {} holds labels of an unknown number of classes": "张量 {} 的元素是标签，"
    "但没有说明有多少个类别",
    "pass classes=K, the size of the axis the labels select from": "传入 classes=K，"
    "即标签所选取的轴的大小",
    "{} is not a {} of a tensor": "{} 不能作为张量的 {}",
    "tensor {} has {} axes, but is written with {} positions": "张量 {} 有 {} 个轴，"
    "却写了 {} 个位置",
    "write {}[{}]": "写成 {}[{}]",
    "index {} has no range from 0": "下标 {} 没有从 0 开始的取值范围",
    'write index("{}", size) so that its size is known': '写成 index("{}", size)，使它的大小已知',
    "{} is not a size": "{} 不能作为大小",
    "give a positive whole number, a name such as 'N', or arithmetic of sizes such as 2*N or "
    "sp.floor((N - 1)/2) + 1": "给出一个正整数、一个名称（如 'N'），或大小之间的算式（如 2*N 或 "
    "sp.floor((N - 1)/2) + 1）",
}

_EQUATIONS = {
    "a base case is one element with one fixed position": "边界条件是一个元素，"
    "它恰有一个位置是固定的",
    "write it as h[-1, n, d] = …, with an index for every other axis": "写成 h[-1, n, d] = …，"
    "其余每个轴各用一个下标",
    "the left side of an equation must be one element of a tensor": "等式的左边必须是张量的一个元"
    "素",
    "write z[n, k] = …, or a scalar such as L = …": "写成 z[n, k] = …，或标量，如 L = …",
    "the left side's positions must be plain indices": "左边的每个位置都必须只是一个下标",
    'make them with sb.index("n", "N"); what is at a position outside '
    "the range is a base case": '用 sb.index("n", "N") 创建下标；范围之外的位置用边界条件给出',
    "{} is no element of {}": "{} 不是 {} 的元素",
    "a base case says what {} is at a position outside its range": "边界条件给出 {} "
    "在下标范围之外的位置上的值",
    "the indices of {} run over other sizes than those of {}": "{} 的下标与 {} 的下标大小不同",
    "write the base case with the same indices as the equation": "边界条件要用与等式相同的下标",
    "position {} of {} may lie in 0 … {}, where the equation itself holds": "{1} 的位置 {0} "
    "可能落在 0 … {2} 之内，而那里已由等式本身给出",
    "write the equation as where({} = {}, …, …), or give "
    "a base case outside the range": "把等式写成 where({} = {}, …, …)，或给出范围之外的边界条件",
    "{} is given twice": "{} 给出了两次",
    "keep one of the base cases": "只保留其中一个边界条件",
    "an index occurs twice on the left side": "左边有一个下标出现了两次",
    "use a different index for each axis": "每个轴用不同的下标",
    "index {} of the right side is not bound": "右边的下标 {} 没有约束",
    "sum over it, or write it on the left": "对它求和，或把它写在左边",
    "{} is not a SymPy expression": "{} 不是 SymPy 表达式",
    "write it with elements of tensors, such as w[i]*x[n, i] + b[()]": "用张量的元素来写，例如 "
    "w[i]*x[n, i] + b[()]",
    "the equations define each other in a circle: {}": "这些等式循环定义：{}",
    "break the circle: an equation may use what is computed before it, and a recurrence what lies "
    "on one side along one axis, such as h[t-1, n, d]": "去掉循环：等式可以使用在它之前算出的量，"
    "递推式可以使用沿某一个轴位于同一侧的元素，例如 h[t-1, n, d]",
}

_SYSTEMS = {
    "{words} is at {}": "{} 位于 {}",
    "a position is an index, a label, or an affine expression of indices with coefficients that "
    "are whole numbers or sizes, such as 2*p + u - 1": "位置可以是一个下标、一个标签，"
    "或下标的仿射表达式，其系数是整数或大小，例如 2*p + u - 1",
    "axis {} of {}": "{1} 的第 {0} 个轴（从 0 数起）",
    "one side of {}": "{} 的一边",
    "index {} is summed over twice, one sum inside the other": "对下标 {} 求和了两次，"
    "一个和在另一个和之内",
    "use another letter for the inner sum": "内层的和改用另一个字母",
    "{} is an intermediate that no equation defines": "{} 是中间变量，但没有等式定义它",
    "add its equation, or declare it an input": "补上它的等式，或把它声明为输入",
    "the objective {} is not a scalar": "目标函数 {} 不是标量",
    "sum over its indices": "对它的下标求和",
    "∞ is not a number to compute with": "∞ 不能参与计算",
    "±∞ may be a case of a selection: "
    "sp.Piecewise((z[n, k], condition), (-sp.oo, True))": "±∞ 只能作为分段函数的一段："
    "sp.Piecewise((z[n, k], condition), (-sp.oo, True))",
    "{} has {} axes, not {}": "{} 有 {} 个轴，不是 {} 个",
    "write it as {}": "写成 {}",
    "{} was written as a different SymPy object than the declared tensor": "所写的 {} "
    "与声明的张量不是同一个 SymPy 对象",
    "write {}[…] with the tensor that was declared": "用声明过的张量来写 {}[…]",
    "the sum runs over {}, which is not an index": "求和变量 {} 不是下标",
    'make it with sb.index("i", size)': '用 sb.index("i", size) 创建它',
    "the sum over {} runs from {} to {}, not over all of it": "对 {} 的求和从 {} 到 {}，"
    "没有取遍它的整个范围",
    "write Sum(…, {}) to sum over 0 … {}-1": "写成 Sum(…, {})，即对 0 … {}-1 求和",
    "tensor {} is declared twice": "张量 {} 声明了两次",
    "rename one of them": "把其中一个改名",
    "{} is defined twice": "{} 定义了两次",
    "give each equation a tensor of its own": "每个等式定义各自的张量",
    "{} is a given {words}, so no equation may define it": "{} 是给定的{}，不能再用等式定义",
    "define a tensor of another name": "定义的张量换一个名称",
    "{} was declared with shape {}": "{} 声明的形状是 {}",
    "write its left side as {}": "左边写成 {}",
    "{}, of role {words}, cannot be updated to {}, of role {words}": "{}（{}）不能更新为 {}（{}）",
    "update an input to a tensor that an equation defines": "把输入更新为由等式定义的张量",
    "{} has shape {}, its next value {} has shape {}": "{} 的形状是 {}，"
    "它的下一个值 {} 的形状是 {}",
    "let the next value have the shape of the one before": "让下一个值与原来的值形状相同",
    "{} is not a function this language knows": "{} 不是这里可用的函数",
    "use one of symbackprop.PRIMITIVES, or sympy.Function('f') for "
    "a function left unspecified": "使用 symbackprop.PRIMITIVES 中的函数；"
    "不具体指定的函数用 sympy.Function('f')",
    "{words} has size {}, but index {} runs over {}": "{} 的大小是 {}，而下标 {} 的范围是 {}",
    "make the sizes agree, or use another index": "使大小一致，或换一个下标",
    "{words} has size {}, but is selected by {}, which does "
    "not hold labels of {} classes": "{} 的大小是 {}，却由 {} 来选取，而它不是 {} 个类别的标签",
    "declare {} with domain='label' and classes={}": "声明 {} 时写 domain='label' 和 classes={}",
    "{words} has size {}, position {} is outside it": "{} 的大小是 {}，位置 {} 在范围之外",
    "use a position from 0 to {}, or give a base case": "位置取 0 到 {}，或给出边界条件",
}

_DERIVATIVES = {
    "{} is not part of the language": "{} 不在可用的表达式之列",
    "write it with arithmetic, Sum, MaxOver and symbackprop.PRIMITIVES": "用四则运算、Sum、MaxOver "
    "和 symbackprop.PRIMITIVES 来写",
    "{} is not a condition of the language": "{} 不在可用的条件之列",
    "write it with <, <=, >, >=, ==, != and & | ~": "用 <、<=、>、>=、==、!= 和 & | ~ 来写",
    "the position {} is not linear in indices": "位置 {} 不是下标的线性表达式",
    "write it as whole numbers times indices, plus a number: 2*p + u - 1": "写成整数乘以下标再加一"
    "个数：2*p + u - 1",
    "the unspecified function {} has {} arguments": "未具体指定的函数 {} 有 {} 个自变量",
    "leave only functions of one argument unspecified": "只有一元函数可以不具体指定",
    "{} cannot be differentiated": "无法对 {} 求导",
    "the system has no objective to differentiate": "方程组没有可以求导的目标函数",
    'name one: minimize="L"': '指定一个：minimize="L"',
    "there is nothing to differentiate by": "没有可以求导的自变量",
    "declare a parameter, or name a tensor in wrt=[…]": "声明一个参数，或在 wrt=[…] 中指定张量",
    "{} is given, not computed: it has no derivatives": "{} 是给定的，不是算出来的，没有导数",
    "differentiate one of {}": "改为对以下之一求导：{}",
    "{} holds labels; a derivative by it has no meaning": "{} 的元素是标签，关于它的导数没有意义",
    "differentiate by a tensor of real numbers": "改为关于实数张量求导",
    "a {} cannot be derived: it is not a system of equations": "无法对 {} 求导：它不是方程组",
    "give a network its loss, net.system(sb.MSELoss()), or build a sb.System": "给网络配上损失函"
    "数，net.system(sb.MSELoss())，或构造一个 sb.System",
}

#: Chinese by English template.
MESSAGES: Mapping[str, str] = {**_TENSORS, **_EQUATIONS, **_SYSTEMS, **_DERIVATIVES}
