"""How good predictions are, by scikit-learn's definitions."""

from __future__ import annotations

from symbackprop.train.datasets import Array


def classification(labels: Array, predicted: Array) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 averaged over the classes (macro).

    Parameters
    ----------
    labels, predicted
        Classes, whole numbers of shape (rows,). A class that is never predicted has
        precision 0.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, average="macro", zero_division=0
    )
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "F1": float(f1),
    }


def regression(truth: Array, predicted: Array) -> dict[str, float]:
    """Mean squared error and, of two rows or more, R².

    Parameters
    ----------
    truth, predicted
        Real numbers of shape (rows, outputs).
    """
    from sklearn.metrics import mean_squared_error, r2_score

    error = {"MSE": float(mean_squared_error(truth, predicted))}
    return error | ({"R²": float(r2_score(truth, predicted))} if len(truth) > 1 else {})
