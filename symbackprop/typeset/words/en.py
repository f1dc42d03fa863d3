"""The words of a page in English."""

from __future__ import annotations

from collections.abc import Mapping

_RULES = {
    "chain-rule": "chain rule",
    "chain-rule.brief": "sum over everything that uses {used}",
    "chain-rule.why": "{used} affects the result only through the equations that use it: each "
    "contributes the derivative with respect to its left side, times the partial derivative of "
    "that side with respect to {used}, and the contributions add up.",
    "inline-adjoint": "substitution",
    "inline-adjoint.brief": "insert the derivative with respect to {used}",
    "inline-adjoint.why": "The derivative with respect to {used} has been found already, so its "
    "expression can take the place of its name.",
    "fold-definition": "forward value",
    "fold-definition.brief": "by definition this is {used}",
    "fold-definition.why": "The forward pass has computed this expression already: by definition "
    "it is {used}.",
    "contract-delta": "Kronecker delta",
    "contract-delta.brief": "each delta picks one term out of its sum",
    "contract-delta.why": "A Kronecker delta is 1 where its two indices are equal and 0 elsewhere, "
    "so one index can replace the other, and of a sum over it a single term is left.",
    "base-case": "base case",
    "base-case.brief": "outside its range {used} is what its base case says, or 0",
    "base-case.why": "This element lies outside the range of {used}: there it is what a base case "
    "says, and 0 where no base case says anything.",
    "use-fact": "declared fact",
    "use-fact.brief": "the system declares {used}",
    "use-fact.why": "The system declares that {used}, so the right side can replace the left.",
    "constant-sum": "constant sum",
    "constant-sum.brief": "it is constant by the definition of {used}",
    "constant-sum.why": "With the definition of {used} inserted, all that varies in this sum "
    "cancels: it is the same number whatever the inputs are.",
    "zero-sum": "vanishing sum",
    "zero-sum.brief": "by the equation of {used} its terms cancel",
    "zero-sum.why": "With the equation of {used} inserted, the terms of this sum cancel: it is 0.",
    "absorb-mask": "redundant mask",
    "absorb-mask.brief": "{used} is 0 where the condition fails",
    "absorb-mask.why": "Wherever the condition fails, {used} is 0 anyway, so the factor that says "
    "the condition changes nothing.",
    "fold-sum": "forward sum",
    "fold-sum.brief": "by definition this is {used}",
    "fold-sum.why": "The forward pass has computed this sum already: by definition it is {used}.",
    "swap-sums": "order of sums",
    "swap-sums.brief": "change it, by the equations of {used}",
    "swap-sums.why": "Finite sums can be taken in any order, and in the other order the inner one "
    "is known: this uses the equations of {used}.",
    "expand": "multiplying out",
    "expand.brief": "terms cancel or merge",
    "expand.why": "By the distributive law a product of sums is the sum of the products; "
    "multiplied out, terms cancel or merge.",
    "factor": "common factor",
    "factor.brief": "take it out of the sum",
    "factor.why": "These terms share a factor; by the distributive law it is written once, "
    "times the sum of what is left.",
    "matrix-form": "matrix form",
    "matrix-form.brief": "the same with matrices",
    "matrix-form.why": "A sum over an index that two factors share is a matrix product, and a "
    "product without a sum is taken entry by entry; so the indices need not be written.",
}

_PAGE = {
    # the language itself: as its readers call it, and as HTML and LaTeX do
    "language-name": "English",
    "language-tag": "en",
    # between the items of a list, between clauses, and after a title
    "comma": ", ",
    "clause": ", ",
    "colon": ": ",
    "if": "if",
    "otherwise": "otherwise",
    "base": "with",
    # headings
    "title": "The gradients of {objective}, step by step",
    "given": "Given",
    "graph": "Computational graph",
    "forward": "Forward",
    "backward": "Backward",
    "gradients": "Gradients",
    "summary": "Summary",
    "notation": "Notation",
    "numbers": "With numbers",
    "notebook-derive": "Derivation",
    "notebook-differences": "Compared with finite differences",
    "notebook-verify": "Checked against independent oracles",
    # headings of tables
    "forward-equation": "forward",
    "gradient": "gradient",
    "shape": "shape",
    "cost": "products",
    # parts of a step
    "step-result": "result",
    # roles
    "input": "input",
    "target": "target",
    "label": "class labels",
    "parameter": "parameter",
    "hyperparameter": "hyperparameter",
    "mask": "mask of ones and zeros",
    "noise": "standard normal noise",
    "intermediate": "intermediate value",
    "objective": "objective",
    # repeated blocks
    "blocks": "blocks {first} to {last} as block {like}",
    "fold": "{blocks}: {used}",
    # what was checked
    "checked-heading": "Checked",
    "checked": "Each of these {count} equalities was evaluated at {points} points drawn at "
    "random{sizes}: both sides agree to {digits} digits (largest difference {worst}).",
    "checked-sizes": ", with {sizes}",
    "checked-not": "Not all that concerns {names} was: at these sizes it takes too long. Derive "
    "the same network with smaller sizes to have it checked.",
}

_NOTES = {
    "note-bracket": "[condition] is 1 where the condition holds, else 0",
    "note-first": "argmax is the first place, row by row, where the maximum is attained",
    "note-outside": "outside its range an element is 0, unless a base case says otherwise",
    "note-range": "indices start at 0; {used}",
    "note-slice": "{used} is a slice: the axes without a subscript are its rows and columns",
    "note-ones": "{used} is the column vector of ones",
    "note-onehot": "{used} holds the labels one-hot: 1 where an example meets its class, else 0",
    "note-entrywise": "⊙, ⊘ and functions of a matrix act entry by entry; a number added to a "
    "matrix is added to every entry",
    "note-column": "one example a column: whatever has the batch axis is shown transposed",
    # how derivatives are laid out
    "layout-index": "index notation: every equation is about one element, so no layout is chosen",
    "layout-row": "one example a row; the gradient by a matrix has the shape of that matrix "
    "(denominator layout)",
    "layout-column": "one example a column; the gradient by a matrix has the shape of that matrix "
    "(denominator layout)",
    "layout-numerator": "in the numerator layout every gradient is the transpose of the one shown",
}

_CONTROLS = {
    "control-skip": "skip to the derivation",
    "control-previous": "previous step",
    "control-next": "next step",
    "control-position": "step {number} of {count}",
    "control-keys": "keys: ← or k previous step, → or j next step, Esc none",
    "control-level": "level of detail",
    "level-result": "result",
    "level-key": "key steps",
    "level-all": "all steps",
    "control-language": "language",
    "control-notation": "notation",
    "view-index": "indices",
    "view-row": "matrices, one example a row",
    "view-column": "matrices, one example a column",
    "control-theme": "theme",
    "theme-auto": "as the system",
    "theme-light": "light",
    "theme-dark": "dark",
    "control-copy": "copy LaTeX",
    "control-copied": "copied",
}

_ERRORS = {
    "error": "error",
    "error-where": "in",
    "error-remedy": "try",
    "error-interrupted": "interrupted",
    "error-defect": "this is a defect in symbackprop; symbp --debug … shows where",
}

_REPORT = {
    "report-gradient": "gradient",
    "report-subject": "checked",
    "report-oracle": "against",
    "report-error": "error",
    "report-tolerance": "tolerance",
    "report-ok": "ok",
    "report-failed": "FAILED",
    "report-row": "{gradient}: {subject} against {oracle}: error {error}, "
    "tolerance {tolerance}: {state}",
    "report-note": " ({note})",
    "report-nothing": "nothing was verified",
    "report-holds": "all hold; worst: {worst}",
    "report-fails": "{failed} of {count} FAILED; worst: {worst}",
    # what was checked, against what, and what that is
    "report-subject-equations": "equations",
    "report-subject-steps": "steps",
    "report-oracle-expanded": "expanded",
    "report-oracle-differences": "differences",
    "report-oracle-steps": "steps",
    "report-meaning-expanded": "the equations expanded to scalars, sympy.diff, 80 digits",
    "report-meaning-differences": "central finite differences, 80 digits",
    "report-meaning-autograd": "torch.autograd in float64",
    "report-meaning-torch.nn": "the torch.nn modules of the same names",
    "report-meaning-steps": "both sides of every step of the derivation, 80 digits",
}

_TRAINING = {
    "train-data": "data: {source}, {features} features, {target}; {rows} rows to learn from, "
    "{held_out} held out",
    "train-classes": "{count} classes",
    "train-real": "a real target",
    "train-model": "model: {model}",
    "train-arrays": "data: {source}{sizes}; {rows} rows to learn from, {held_out} held out",
    "train-equations": "equations: {source}, {count} numbers to learn",
    "train-loss": "loss: {loss}; optimizer: {optimizer}; batches of {batch_size}",
    "train-gradient": "gradient: agrees with torch.autograd to {error}",
    "train-bar": "training",
    "train-held-out": "held out: {measures}",
    "train-kept": "kept in: {folder}",
    "measure-loss": "loss",
    "measure-accuracy": "accuracy",
    "measure-precision": "precision",
    "measure-recall": "recall",
}

_NUMBERS = {
    "numbers-update": "One step of gradient descent",
    "numbers-rate": "learning rate",
    "numbers-after": "after the step",
    "numbers-rounded": "≈ marks numbers that were rounded, to {digits} significant digits at least "
    "or, in a wide matrix, to fewer; nothing is rounded before it is shown.",
    "numbers-drawn": "The numbers were drawn at random, with seed {seed}.",
    "numbers-figures": "Figures to compare with",
    "mazur-names": "The network and its numbers are those of {source}. The article calls the "
    "entries of {first}, row by row, w1 to w4 and those of {second} w5 to w8; its biases stay as "
    "they are.",
    "mazur-published": "The article gives {published} for the error after one step. Its own new "
    "weights give {found}; the published figure comes out, as {slipped}, when the derivatives by "
    "{first} are computed from the entries of {second} that have been updated already.",
}

_GRAPH = {
    "graph-summary": "{computed} computed tensors and {given} given ones; an arrow leads "
    "from each to those whose equations read it",
    "graph-mirror": "beside it, derivatives flow back by the chain rule",
    "graph-forward": "forward ↓",
    "graph-backward": "↑ backward",
    "graph-seed": "where the backward pass begins",
    "graph-adjoint": "derivative of the objective",
    "graph-reads": "is read by",
    "graph-flows": "chain rule",
    "graph-recurs": "is read at another step",
    "graph-shared": "drawn more than once",
    "graph-scalar": "scalar",
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
