"""The objective and its gradients by x.

Written by symbackprop; needs only NumPy.
"""

import itertools

import numpy as np

DTYPE = np.float64

SHAPES = {
    "w": ("N", 3, 5, 3),
    "x": ("N", 3, 11, 7),
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


def loss_and_gradients(w, x):
    """The objective, and its gradients by name.

    w  (N, 3, 5, 3)   input
    x  (N, 3, 11, 7)  parameter
    """
    _check_shapes(w=w, x=x)

    # --- forward
    # y[n,c,p,q] = maxᵤᵥ x[n,c,2p+u,2q+v]
    x_windows = _window(x, None, None, (0, (2, 5), (1, 3)), (0, (2, 3), (1, 2)))
    y = np.max(x_windows, axis=(3, 5))
    # L = Σ_{n,c,p,q} w[n,c,p,q]·y[n,c,p,q]²
    L = np.sum(w * y ** 2)

    # --- backward
    # ∂L/∂x[n,c,h,g] = 2 Σ_{p,q,u,v} w[n,c,p,q]·y[n,c,p,q]/(Σ_{u',v'} [x[n,c,2p+u',2q+v'] = y[n,c,p,q]]) · [x[n,c,2p+u,2q+v] = y[n,c,p,q]]·[h = 2p + u]·[g = 2q + v]
    mask_x_windows = (x_windows == y[:, :, :, None, :, None]).astype(DTYPE)
    dx_windows = (
        y[:, :, :, None, :, None]
        * (w / np.sum(mask_x_windows, axis=(3, 5)))[:, :, :, None, :, None]
        * mask_x_windows
    )
    dx = 2.0 * _put(dx_windows, None, None, (11, 0, 2, 1), (7, 0, 2, 1))

    return L, {"x": dx}


def predict(x):
    """The prediction.

    x  (N, 3, 11, 7)  parameter
    """
    _check_shapes(x=x)

    # --- forward
    # y[n,c,p,q] = maxᵤᵥ x[n,c,2p+u,2q+v]
    y = np.max(_window(x, None, None, (0, (2, 5), (1, 3)), (0, (2, 3), (1, 2))), axis=(3, 5))

    return y
