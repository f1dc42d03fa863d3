"""出错信息，中文：数据文件、数组和训练。

What is wrong with data files, with arrays, and with what is trained on them.
"""

from __future__ import annotations

from collections.abc import Mapping

_FILES = {
    "not a CSV file: {words}": "不是 CSV 文件：{}",
    "save it as CSV in UTF-8": "用 UTF-8 编码存为 CSV",
    "the file is empty": "文件是空的",
    "give rows of numbers, one an example": "给出由数组成的行，每行一个样本",
    "row {} has {} cells, the first row has {}": "第 {} 行有 {} 格，而第一行有 {} 格",
    "{}, row {}": "{}，第 {} 行",
    "{}, row {}, column {}": "{}，第 {} 行，第 {} 列",
    "give every row the same number of cells": "让每行的格数相同",
    "the file has one column, and a row needs features and a target": "文件只有一列，"
    "而每行需要特征和目标值",
    "separate the columns by commas": "各列用逗号分开",
    "there is no header to find the target {} in": "没有表头，无法找到目标列 {}",
    "add a first row with the columns' names, or leave --target out": "在第一行写上各列的名称，"
    "或去掉 --target",
    "there are no rows below the header": "表头下面没有数据行",
    "an empty cell where a finite number is needed": "有空格，而这里需要有限的数",
    "{} where a finite number is needed": "这里是 {}，而需要有限的数",
    "fill in a number, or remove the row": "填上一个数，或删去这一行",
    "an NPZ file has no columns to choose a target from; its target is the array y": "NPZ "
    "文件没有列，不能选择目标列；它的目标值是数组 y",
    "array {} has shape {}": "数组 {} 的形状是 {}",
    "store x of shape (rows, features), y of shape (rows,) or (rows, outputs)": "x 存成（行、特征）"
    "的形状，y 存成（行）或（行、输出）的形状",
    "x has {} rows, y has {}": "x 有 {} 行，y 有 {} 行",
    "store one target for each row": "每行存一个目标值",
    "the arrays hold {} and {}": "两个数组的元素类型是 {} 和 {}",
    "store numbers; only a target of labels may be text": "存成数；只有作为标签的目标值可以是文字",
    "x[{}, {}] is {}": "x[{}, {}] 是 {}",
    "not an NPZ file of plain arrays: {words}": "不是由普通数组组成的 NPZ 文件：{}",
    "it holds a single array without a name": "其中只有一个没有名称的数组",
    "{words} are not arrays": "{}不是数组",
    "the file has no array {words}": "文件中没有数组 {}",
    "save it {words}": "请{}",
    "with {words}": "存入 {}",
    "with np.savez(path, x=features, y=targets)": "用 np.savez(path, x=features, y=targets) 保存",
    "cannot write into {}: {words}": "无法写入 {}：{}",
    "give a folder that can be written": "给出可以写入的文件夹",
    "{} holds no checkpoint: {words}": "{} 中没有检查点：{}",
    "give a folder that was written with --out": "给出由 --out 写成的文件夹",
    "the data set {} has no columns to choose a target from": "数据集 {} 没有列，不能选择目标列",
    "check the path and its permissions": "检查路径和权限",
}

_ROWS = {
    "{} row is too few to hold some out": "只有 {} 行，无法留出一部分来检验",
    "give 2 rows or more": "至少给出 2 行",
    "the network takes {words}, but a row has {words}": "网络接受{}，而每行有{}",
    "let the model begin with {words}": "让模型的开头接受{}",
    "let the model end with {words}": "让模型的末尾给出{}",
    "1 input": "1 个输入",
    "{} inputs": "{} 个输入",
    "1 feature": "1 个特征",
    "{} features": "{} 个特征",
    "1 output": "1 个输出",
    "{} outputs": "{} 个输出",
    "1 column": "1 列",
    "{} columns": "{} 列",
    "the loss compares with real numbers, and {} is not one": "损失函数与实数比较，而 {} 不是实数",
    "fill in a number, or use a loss on labels, such as CrossEntropyLoss": "填上一个数，"
    "或用与标签比较的损失函数，例如 CrossEntropyLoss",
    "the target is {}": "目标值是 {}",
    "remove the row, or fill in the number": "删去这一行，或填上数",
    "the loss compares with labels, and {} is not one": "损失函数与标签比较，而 {} 不是标签",
    "count labels 0, 1, 2, …, or use a loss on real numbers, such as MSELoss": "标签用 0、1、2、… "
    "编号，或用与实数比较的损失函数，例如 MSELoss",
    "label {} is out of range: labels count the classes, and there are {} rows": "标签 {} "
    "超出范围：标签是类别的编号，而一共只有 {} 行",
    "count labels 0, 1, 2, …, or write them as text": "标签用 0、1、2、… 编号，或写成文字",
    "the loss compares with real numbers, but the target holds labels of {} classes": "损失函数与实"
    "数比较，而目标值是 {} 个类别的标签",
    "use a loss on labels, such as CrossEntropyLoss": "用与标签比较的损失函数，"
    "例如 CrossEntropyLoss",
    "every row has the label {}, so there is nothing to tell apart": "每行的标签都是 {}，"
    "没有可以区分的",
    "give rows of two classes or more": "给出至少两个类别的行",
    "label {} ({}) is out of range: the network has {words}, for labels below {}": "标签 {}（{}）"
    "超出范围：网络有{}，只能用于小于 {} 的标签",
    "the loss compares with labels, but the target has {words}": "损失函数与标签比较，而目标值有{}",
    "give one label a row, or use a loss on real numbers, such as MSELoss": "每行给一个标签，"
    "或用与实数比较的损失函数，例如 MSELoss",
    "the network has {words}, but the target {words}": "网络有{}，而目标值有{}",
    "the loss compares with {words}, and {} is not that": "损失函数与{}比较，而 {} 不是",
    "real numbers": "实数",
    "numbers from 0 to 1": "0 到 1 之间的数",
    "shares that sum to 1": "和为 1 的比例",
    "logarithms of shares that sum to 1": "和为 1 的比例的对数",
    "change the target, or use a loss on real numbers, such as MSELoss": "修改目标值，"
    "或用与实数比较的损失函数，例如 MSELoss",
    "the network takes labels, and a feature is not a whole number": "网络接受标签，"
    "而有的特征不是整数",
    "give whole numbers from 0 up, below {}": "给出从 0 起、小于 {} 的整数",
}

_ARRAYS = {
    "no value was given for {}": "没有给出 {} 的值",
    "add {}, of shape {}": "补上 {}，形状是 {}",
    "{} is not an array: {words}": "{} 不是数组：{}",
    "{} holds {}, not numbers": "{} 的元素是 {}，不是数",
    "give numbers of shape {}": "给出形状为 {} 的数组",
    "{} has shape {}, expected {}": "{} 的形状是 {}，应为 {}",
    "transpose or cut it to fit {}": "转置或截取，使它符合 {}",
    "reshape it to 1 axis, one for each index of {}": "改成 1 个轴，与 {} 的下标一一对应",
    "reshape it to {} axes, one for each index of {}": "改成 {} 个轴，与 {} 的下标一一对应",
    "{} {words}, but must hold class labels": "{} {}，而它必须是类别标签",
    "holds {}": "含有 {}",
    "equations are trained on the arrays of an NPZ file": "方程文件要用 NPZ 文件中的数组训练",
    "give --data FILE.npz with {words}": "给出 --data FILE.npz，其中有 {}",
    "({}) of numbers": "形状为 ({})、元素为数的数组",
    "({}) of whole numbers": "形状为 ({})、元素为整数的数组",
    "store it as {words}": "存成{}",
    "{} is {} by {}, but {} by {}": "{0} 按 {2} 是 {1}，而按 {4} 是 {3}",
    "store {} as {words}, with sizes that agree": "把 {} 存成{}，使各个大小一致",
    "no array tells how large {} is": "没有数组能说明 {} 有多大",
    "say it, as in --size {}=16, or write a number for it in the file": "写明它，例如 --size "
    "{}=16，或在文件中写成数",
    "array {} has shape {}, not {}": "数组 {} 的形状是 {}，不是 {}",
    "array {} holds {}": "数组 {} 的元素类型是 {}",
    "{}[{}] is {}, not {words}": "{}[{}] 是 {}，不是{}",
    "a whole number from 0 to {}": "0 到 {} 的整数",
    "a finite number": "有限的数",
    "a positive number": "正数",
    "a number from 0 to 1": "0 到 1 之间的数",
    "1 or -1": "1 或 -1",
    "correct the number, or leave the row out": "改正这个数，或去掉这一行",
}

_TRAINING = {
    "the equations have no input and no target, so there are no data to learn from": "等式没有输入"
    "也没有目标值，没有可以学习的数据",
    "declare what the data are: input x[n,i]": "声明数据：input x[n,i]",
    "{} does not have the batch as its first axis": "{} 的第一个轴不是批量轴",
    "{} does not have the batch as its first axis, as {} has": "{} 的第一个轴不是批量轴，"
    "与 {} 不同",
    "let every input and target begin with one index over the rows of the data, whose size is a "
    "name: index n:N": "让每个输入和目标值的第一个下标都取遍数据的各行，其大小是一个名称："
    "index n:N",
    "the equations have no parameters to train": "等式没有可以训练的参数",
    "declare some: parameter W[k,i]": "声明参数：parameter W[k,i]",
    "the parameter {} has an axis of size {}, and so would "
    "be another one for each batch": "参数 {} 有一个大小为 {} 的轴，这样每个批量的参数都不同",
    "give that axis another size than {}, the rows of a batch": "让那个轴的大小不是 {}，"
    "它是一个批量的行数",
    "the hyperparameter {} has no value": "超参数 {} 没有值",
    "write its value in the file: hyperparameter {} = 0.1": "在文件中写上它的值：hyperparameter {} "
    "= 0.1",
    "the network has no parameters to train": "网络没有可以训练的参数",
    "add a layer that has some, such as Linear({}, {})": "加上有参数的层，例如 Linear({}, {})",
    "the size {} is left open, and no data can tell it": "大小 {} 没有给出，也无法由数据得知",
    "write a number for {}": "把 {} 写成数",
    "a row's features have to be laid out in {} axes, and the "
    "size {} of one is left open": "每行的特征要排成 {} 个轴，而其中一个的大小 {} 没有给出",
    "tell the sizes: --input 1,8,8": "写明大小：--input 1,8,8",
    "{} would have to be given besides features and target": "除特征和目标值之外还需要给出 {}",
    "train with sb.derive(system).training_step(optimizer), which takes any arrays": "改用 "
    "sb.derive(system).training_step(optimizer) 训练，它接受任意的数组",
    "the loss is {} before the first step": "第一步之前损失就是 {}",
    "look for logarithms, roots and divisions that have no value on these data, or try another "
    "--seed": "检查对数、开方和除法在这些数据上是否没有值，或换一个 --seed",
    "the loss is {} before the first step: {} is not "
    "defined for what the network gives": "第一步之前损失就是 {}：{} 对网络的输出没有定义",
    "end the model with what the loss takes (BCELoss takes probabilities, so Sigmoid), or use a "
    "loss on plain numbers, such as BCEWithLogitsLoss": "让模型的末尾给出损失函数接受的值（BCELoss "
    "接受概率，所以用 Sigmoid），或用接受任意实数的损失函数，例如 BCEWithLogitsLoss",
    "the loss is {} in epoch {}: the steps are too large": "第 {1} 轮的损失是 {0}：步长太大",
    "the loss on the held-out rows is {}: the steps are too large": "留出数据上的损失是 {}："
    "步长太大",
    "a prediction for the held-out rows is not a finite "
    "number: the steps are too large": "留出数据的某个预测值不是有限的数：步长太大",
    "use a smaller learning rate, or inputs and targets near 1": "用更小的学习率，"
    "或让输入和目标值接近 1",
    "use a smaller learning rate, or features and targets near 1": "用更小的学习率，"
    "或让特征和目标值接近 1",
    "the generated gradient of {} differs from torch.autograd's by {}, relative to its largest "
    "element": "生成的 {} 的梯度与 torch.autograd 的结果不同，相对于其最大元素相差 {}",
    "nothing was trained; please report these equations": "没有进行训练；请报告这些等式",
    "nothing was trained; if the declared facts hold of the "
    "data, please report these equations": "没有进行训练；如果数据满足所声明的已知条件，"
    "请报告这些等式",
}

#: Chinese by English template.
MESSAGES: Mapping[str, str] = {**_FILES, **_ROWS, **_ARRAYS, **_TRAINING}
