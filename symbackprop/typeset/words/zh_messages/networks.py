"""出错信息，中文：层、损失函数、优化器和网络。

What is wrong with layers, losses, optimizers, schedules and networks.
"""

from __future__ import annotations

from collections.abc import Mapping

_ARGUMENTS = {
    "{}={} is not supported": "不支持 {}={}",
    "leave it at {}={}": "保持 {}={}",
    "{}={} is not an axis": "{}={} 不是轴",
    "use {}=-1 for the last axis": "最后一个轴用 {}=-1",
    "{}={} is not a whole number from {} up": "{}={} 不是不小于 {} 的整数",
    "use {}={}, or more": "用 {}={} 或更大的数",
    "{}={} is not one of {}": "{}={} 不在可选的值之中：{}",
    "use {}={}": "用 {}={}",
    "{}={} is outside {}, {}": "{}={} 不在 {}, {} 之内",
    "give {} a value in {}, {}": "让 {} 取 {}, {} 之内的值",
    "{}={} is not a finite number": "{}={} 不是有限的数",
    "give {} a number": "给 {} 一个数",
    "{}={} is not a whole number": "{}={} 不是整数",
    "give {} one, or leave it out": "给 {} 一个整数，或不写它",
    "{}={} is not a whole number from {} up, nor {} of them": "{0}={1} 不是不小于 {2} 的整数，"
    "也不是 {3} 个这样的整数",
    "use {}={}, or {}, one an axis": "用 {}={}，或每个轴一个，{}",
    "{}={} is not a size": "{}={} 不能作为大小",
    "give {} a whole number from 1 up, or a name such as 'D'": "给 {} 一个正整数，或一个名称，"
    "如 'D'",
    "{}={} is not a number from 1 up": "{}={} 不是不小于 1 的数",
    "give {} a value of 1 or more": "给 {} 一个不小于 1 的值",
}

_LAYERS = {
    "{}(dim={}): {} has {} axes, so there is no axis {}": "{}(dim={})：{} 有 {} 个轴，"
    "没有第 {} 个轴",
    "use dim=-1 for the last axis": "最后一个轴用 dim=-1",
    "{}: axis {} of {} has size {}, not an even one": "{0}：{2} 的第 {1} 个轴大小是 {3}，不是偶数",
    "let the layer before give twice as many features": "让前一层给出两倍的特征",
    "{} needs {} channels on the second axis, {} has shape {}": "{} 要求第二个轴是 {} 个通道，"
    "而 {} 的形状是 {}",
    "use num_parameters=1 for one alpha": "只用一个 alpha 时写 num_parameters=1",
    "min_val={} is not below max_val={}": "min_val={} 不小于 max_val={}",
    "give two numbers in order": "给出从小到大的两个数",
    "{} takes sequences of shape (steps, {}) or (examples, steps, "
    "{}), {} has shape {}": "{} 接受的序列形状是（时间步、{}）或（样本、时间步、{}），"
    "而 {} 的形状是 {}",
    "{} takes sequences of shape (steps, {}) or (steps, examples, "
    "{}), {} has shape {}": "{} 接受的序列形状是（时间步、{}）或（时间步、样本、{}），"
    "而 {} 的形状是 {}",
    "feed it a tensor of that shape": "输入这种形状的张量",
    "kdim and vdim are sizes of further inputs, but keys and values "
    "come from the layer's own input": "kdim 和 vdim 是另外的输入的大小，"
    "而这里的键和值来自该层自己的输入",
    "say how many keys there are: memory='S'": "说明有多少个键：memory='S'",
    "{} heads cannot share {} features equally": "{} 个注意力头无法平分 {} 个特征",
    "give embed_dim as a whole number that num_heads divides": "embed_dim 取能被 num_heads "
    "整除的整数",
    "{} of shape {} and {} of shape {} do not fit together": "{}（形状 {}）与 {}（形状 {}）不相容",
    "let the branches give tensors of one shape": "让各分支给出形状相同的张量",
    "{} has {} axes, so there is no axis {} to concatenate": "{} 有 {} 个轴，"
    "没有第 {} 个轴可供拼接",
    "an axis of size {} leaves nothing when {} positions are cut off at both ends": "大小为 {} "
    "的轴两端各去掉 {} 个位置后什么也不剩",
    "use less padding": "减小填充",
    "output_padding={} is not less than the stride or the dilation": "output_padding={} "
    "不小于步幅，也不小于空洞率",
    "use less of it": "取小一些",
    "padding='same' keeps the size only with stride 1": "padding='same' 只在步幅为 1 时保持大小",
    "leave the stride out, or give the padding as a number": "不写步幅，或用数给出填充",
    "{} needs {} channels, {} has shape {}": "{} 要求 {} 个通道，而 {} 的形状是 {}",
    "feed it a tensor with {} channels": "输入有 {} 个通道的张量",
    "groups={} does not divide {} and {} channels": "groups={} 不能整除通道数 {} 和 {}",
    "give both channels as whole numbers that the groups divide": "两个通道数都取能被 groups "
    "整除的整数",
    "{} takes tensors of shape ({words}) or (examples, {words}), {} has shape {}": "{} "
    "接受的张量形状是（{}）或（样本、{}），而 {} 的形状是 {}",
    "channels, length": "通道、长",
    "channels, height, width": "通道、高、宽",
    "channels, depth, height, width": "通道、深、高、宽",
    "give the network an input of that shape": "给网络这种形状的输入",
    "the kernel spans {} positions, the padded axis has {}": "卷积核跨 {} 个位置，"
    "而填充后的轴只有 {} 个",
    "use a smaller kernel, more padding or a larger input": "用更小的卷积核、更多的填充，"
    "或更大的输入",
    "with ceil_mode the number of windows on an axis of symbolic "
    "size {} depends on the number": "使用 ceil_mode 时，窗口的个数取决于轴的大小，"
    "而 {} 还不是一个数",
    "give {} a number, or leave ceil_mode out": "给 {} 一个数，或不写 ceil_mode",
    "output_size={} is not a whole number from 1 up for each of {} axes": "output_size={} 没有给 "
    "{} 个轴各一个正整数",
    "use output_size=1, or None to leave an axis as it is": "用 output_size=1；"
    "某个轴保持不变时用 None",
    "padding={} is more than half of kernel_size={}": "padding={} 超过了 kernel_size={} 的一半",
    "use less padding or a larger kernel": "减小填充，或用更大的窗口",
    "{} needs positions with {} features, {} has shape {}": "{} 要求每个位置有 {} 个特征，"
    "而 {} 的形状是 {}",
    "{} takes labels of {} classes, {} does not hold them": "{} 接受 {} 个类别的标签，"
    "而 {} 的元素不是这样的标签",
    "let it be the first layer of the network": "把它放在网络的第一层",
    "{} needs {} features on the last axis, {} has shape {}": "{} 要求最后一个轴有 {} 个特征，"
    "而 {} 的形状是 {}",
    "feed it a tensor whose last axis has size {}": "输入最后一个轴大小为 {} 的张量",
    "weight={} is not a name": "weight={} 不是名称",
    "give the name that layers share a matrix by, such as weight='W'": "给出各层共用的矩阵的名称，"
    "例如 weight='W'",
    "{} channels do not make {} groups of one size": "{} 个通道不能平分成 {} 组",
    "let num_channels be a multiple of num_groups": "num_channels 要是 num_groups 的倍数",
    "{} needs a tensor of shape {words} with {} channels, {} has shape {}": "{} 要求形状为{}、有 "
    "{} 个通道的张量，而 {} 的形状是 {}",
    "{} needs a tensor whose last axes have the sizes {}, {} has shape {}": "{} "
    "要求张量最后几个轴的大小是 {}，而 {} 的形状是 {}",
    "let normalized_shape be the sizes of the last axes": "normalized_shape 要等于最后几个轴的大小",
    "{} needs a tensor of shape (N, C, H, W) or (C, H, W), {} has shape {}": "{} 要求形状为 (N, C, "
    "H, W) 或 (C, H, W) 的张量，而 {} 的形状是 {}",
    "padding={} is not a whole number or four": "padding={} 不是一个整数，也不是四个整数",
    "write padding=1, or padding=(left, right, top, bottom)": "写 padding=1，或 padding=(left, "
    "right, top, bottom)，即左、右、上、下",
    "{}: {} has {} axes": "{}：{} 有 {} 个轴",
    "use axes that there are, the first of them before the last": "只用存在的轴，"
    "起始轴在结束轴之前",
    "dropout is between layers, and there is one": "dropout 用在两层之间，而这里只有一层",
    "leave it out, or use more layers": "不写它，或增加层数",
    "give the shape of an example: system(loss, shape=('T', 'D'))": "给出单个样本的形状："
    "system(loss, shape=('T', 'D'))",
    "give the shape of an example: system(loss, shape=(3, 'H', 'W'))": "给出单个样本的形状："
    "system(loss, shape=(3, 'H', 'W'))",
    "give the shape of an example, such as system(loss, shape=(3, 'H', 'W'))": "给出单个样本的形"
    "状，例如 system(loss, shape=(3, 'H', 'W'))",
    "give the shape of an example, such as system(loss, shape=(6, 'H', 'W'))": "给出单个样本的形"
    "状，例如 system(loss, shape=(6, 'H', 'W'))",
}

_LOSSES = {
    "{} takes predictions of shape (examples, classes), {} has shape {}": "{} "
    "接受的预测值形状是（样本、类别），而 {} 的形状是 {}",
    "give the network a batch axis, and the loss the axis of the classes: dim=-1": "让网络有批量"
    "轴，并告诉损失函数哪个轴是类别：dim=-1",
    "weight={} is not a number for each class": "weight={} 没有给每个类别一个数",
    "write weight=(1.0, 2.5, 0.5)": "写成 weight=(1.0, 2.5, 0.5)",
    "{} has {} weights for {} classes": "{} 有 {} 个权重，而类别有 {} 个",
    "give one weight for each class, and the network's output a size": "每个类别给一个权重，"
    "并给出网络输出的大小",
    "ignore_index={} needs labels, the target is a distribution": "ignore_index={} "
    "要求目标值是标签，而这里的目标值是分布",
    "leave ignore_index out, or use target='indices'": "不写 ignore_index，或用 target='indices'",
    "{} takes predictions of shape ({}), {} has shape {}": "{} 接受的预测值形状是 ({})，"
    "而 {} 的形状是 {}",
    "give the axes of an example: system(loss, shape=(2, 'D'))": "给出单个样本的各轴：system(loss, "
    "shape=(2, 'D'))",
    "the network has no latent variable, so there is no bound to compute": "网络没有隐变量，"
    "没有可以计算的下界",
    "let it have a GaussianSample between encoder and decoder": "在编码器和解码器之间加上 "
    "GaussianSample",
    "a loss that is not reduced cannot be minimised": "没有归约成一个数的损失函数无法最小化",
    "use reduction='mean'": "用 reduction='mean'",
}

_OPTIMIZERS = {
    "betas={} is not a pair of numbers in [0, 1)": "betas={} 不是 [0, 1) 中的一对数",
    "use betas=(0.9, 0.999)": "用 betas=(0.9, 0.999)",
    "schedule={} is not a schedule": "schedule={} 不是学习率调度",
    "then={} is not a schedule": "then={} 不是学习率调度",
    "nesterov needs a momentum, and no dampening": "nesterov 要求有动量且没有阻尼",
    "set momentum=0.9 and dampening=0": "设 momentum=0.9 和 dampening=0",
    "{} has shape {}, the parameter {} has shape {}": "{} 的形状是 {}，而参数 {} 的形状是 {}",
    "give the gradient of this very parameter": "给出这个参数自己的梯度",
    "the update needs the name {} for a quantity of its own": "更新公式自己要用名称 {}",
    "give the parameter another name": "给参数换一个名称",
    "the optimizer needs the name {}, which the system has for something else": "优化器要用名称 "
    "{}，而方程组已把它用于别处",
    "rename that tensor": "把那个张量改名",
}

_NETWORKS = {
    "{} gives {} features, the next {} expects {}": "{} 给出 {} 个特征，而下一层 {} 要求 {} 个",
    "{}, layer {}": "{}，第 {} 层（从 0 数起）",
    "let it take {} features, or let the one before give {}": "让它接受 {} 个特征，"
    "或让前一层给出 {} 个",
    "{} is the symbol {}, where PyTorch needs a number": "{} 是符号 {}，而 PyTorch 需要一个数",
    "give it one: with_sizes({'{}': 3})": "给它一个数：with_sizes({'{}': 3})",
    "the parameter {} has shape {} in one layer and {} in another": "参数 {} 在一层中的形状是 {}，"
    "在另一层中是 {}",
    "let the layers have the same sizes, or weights of their own": "让这些层的大小相同，"
    "或各有自己的权重",
    "{} has the symbolic size {}": "{} 的大小是符号 {}",
    "give it a number first: net.with_sizes({'{}': 3})": "先给它一个数：net.with_sizes({'{}': 3})",
    "{} is not {words}": "{} 不是{}",
    "{} is not {words}, it is the class of one": "{} 不是{}，而是它的类",
    "a layer": "一个层",
    "a loss": "一个损失函数",
    "a penalty": "一个惩罚项",
    "write {}(…)": "写成 {}(…)",
    "{} finds no parameter to act on": "{} 没有可以作用的参数",
    "leave it out, or add a layer with weights": "不写它，或增加一个有权重的层",
    "one and the same {} stands at {} and at {}: PyTorch would share its weights": "同一个 {} "
    "同时在 {} 和 {}：在 PyTorch 中它们会共用权重",
    "write the layer out twice for separate weights; for shared ones give both a name: Linear(3, "
    "3, weight='W')": "要各有权重就把该层写两遍；要共用权重就给两者同一个名称："
    "Linear(3, 3, weight='W')",
    "{} is both a size of the batch and a number of features": "{} 既是批量的大小又是特征的个数",
    "call one of them something else: system(loss, batch='{}_batch')": "把其中一个换个名称："
    "system(loss, batch='{}_batch')",
    "a network needs at least one layer": "网络至少要有一层",
    "write {}(Linear(10, 1))": "写成 {}(Linear(10, 1))",
}

#: Chinese by English template.
MESSAGES: Mapping[str, str] = {**_ARGUMENTS, **_LAYERS, **_LOSSES, **_OPTIMIZERS, **_NETWORKS}
