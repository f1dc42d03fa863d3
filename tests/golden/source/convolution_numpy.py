"""The objective and its gradients by x, K.

Written by symbackprop; needs only NumPy.
"""

import itertools

import numpy as np

DTYPE = np.float64

SHAPES = {
    "w": ("N", 2, 7, 5),
    "x": ("N", 3, 13, 11),
    "K": (2, 3, 3, 5),
}


def _check_shapes(**arrays):
    """Raise ValueError where a shape does not fit SHAPES; a letter is any one size."""
    sizes = {}
    for name, array in arrays.items():
        shape, expected = tuple(array.shape), SHAPES[name]
        fits = len(shape) == len(expected) and all(
            extent == (sizes.setdefault(size, extent) if isinstance(size, str) else size)
            for extent, size in zip(shape, expected)
        )
        if not fits:
            raise ValueError(f"{name} has shape {shape}, expected {expected} with {sizes}")


def _window(array, *axes):
    # array at start + step·i + …, 0 outside it; an axis is None or (start, (step, count), …)
    places = [
        axis or (0, (1, extent))
        for axis, extent in zip(axes + (None,) * array.ndim, array.shape)
    ]
    ends = [[step * (count - 1) for step, count in steps] for _, *steps in places]
    before = [
        max(0, -start - sum(end for end in own if end < 0))
        for (start, *_), own in zip(places, ends)
    ]
    after = [
        max(0, start + sum(end for end in own if end > 0) + 1 - extent)
        for (start, *_), own, extent in zip(places, ends, array.shape)
    ]
    if any(before) or any(after):
        padded = np.zeros([sum(part) for part in zip(before, array.shape, after)], array.dtype)
        padded[tuple(slice(b, b + n) for b, n in zip(before, array.shape))] = array
        array = padded
    corner = array[tuple(slice(b + start, None) for b, (start, *_) in zip(before, places))]
    shape = [count for _, *steps in places for _, count in steps]
    strides = [
        step * stride for (_, *steps), stride in zip(places, array.strides) for step, _ in steps
    ]
    return np.lib.stride_tricks.as_strided(corner, shape, strides, writeable=False)


def _put(values, *axes):
    # values added up at start + step·i + …, dropped outside; an axis is None or
    # (extent, start, step, …), with a step for each axis of the values that goes there
    shape, inside, moves, loops, place = [], [], [], [], 0
    for axis in axes:
        extent, start, *steps = axis or (values.shape[place], 0, 1)
        own = range(place, place + len(steps))
        for number, step in zip(own, steps):
            if step < 0:
                values = np.flip(values, number)
                start += step * (values.shape[number] - 1)
        steps = [abs(step) for step in steps]
        counts = [values.shape[number] for number in own]
        longest = counts.index(max(counts))
        loops += [range(1 if n == longest else count) for n, count in enumerate(counts)]
        before = max(0, -start)
        end = start + sum(step * (count - 1) for step, count in zip(steps, counts))
        shape.append(before + max(extent, end + 1))
        inside.append(slice(before, before + extent))
        moves.append((own, longest, before + start, steps))
        place += len(steps)
    total = np.zeros(shape, values.dtype)
    for at in itertools.product(*loops):
        source, goal = list(at), []
        for own, longest, start, steps in moves:
            first = start + sum(step * at[number] for number, step in zip(own, steps))
            long, step = own[longest], steps[longest]
            source[long] = slice(None)
            goal.append(slice(first, first + step * (values.shape[long] - 1) + 1, step))
        total[tuple(goal)] += values[tuple(source)]
    return total[tuple(inside)]


def loss_and_gradients(w, x, K):
    """The objective, and its gradients by name.

    w  (N, 2, 7, 5)    input
    x  (N, 3, 13, 11)  parameter
    K  (2, 3, 3, 5)    parameter
    """
    _check_shapes(w=w, x=x, K=K)

    # --- forward
    # y[n,o,p,q] = Σ_{c,u,v} x[n,c,2p+u−1,2q+v−1]·K[o,c,u,v]
    x_windows = _window(x, None, None, (-1, (2, 7), (1, 3)), (-1, (2, 5), (1, 5)))
    y = np.einsum("ocuv,ncpuqv->nopq", K, x_windows, optimize=True)
    # L = Σ_{n,o,p,q} w[n,o,p,q]·y[n,o,p,q]²
    L = np.sum(w * y ** 2)

    # --- backward
    # ∂L/∂y[n,o,p,q] = 2·w[n,o,p,q]·y[n,o,p,q]
    dy = 2.0 * w * y
    # ∂L/∂x[n,c,h,g] = Σ_{o,p,q} (∂L/∂y[n,o,p,q])·K[o,c,h−2p+1,g−2q+1]
    dx_windows = np.einsum("ochg,nopq->ncphqg", K, dy, optimize=True)
    dx = _put(dx_windows, None, None, (13, -1, 2, 1), (11, -1, 2, 1))
    # ∂L/∂K[o,c,u,v] = Σ_{n,p,q} (∂L/∂y[n,o,p,q])·x[n,c,2p+u−1,2q+v−1]
    dK = np.einsum("nopq,ncpuqv->ocuv", dy, x_windows, optimize=True)

    return L, {"x": dx, "K": dK}


def predict(x, K):
    """The prediction.

    x  (N, 3, 13, 11)  parameter
    K  (2, 3, 3, 5)    parameter
    """
    _check_shapes(x=x, K=K)

    # --- forward
    # y[n,o,p,q] = Σ_{c,u,v} x[n,c,2p+u−1,2q+v−1]·K[o,c,u,v]
    y = np.einsum("ocuv,ncpuqv->nopq", K, _window(x, None, None, (-1, (2, 7), (1, 3)), (-1, (2, 5), (1, 5))), optimize=True)

    return y
