"""A classifier that tries to tell synthetic days from measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import AdapterUnavailableError, Problem
from synthlab.fitting.statistics import Matrix
from synthlab.progress import OnProgress, unseen

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_WINDOWS = 120
"""Days of one household that the judge sees. Assumed: no household outweighs the others. [days]"""
FOLDS = 5
_TREES, _LEAVES, _RATE = (
    150,
    15,
    0.06,
)  # Assumed: finds any single statistic, and learns no household by heart.


def day_features(days: F64) -> F64:
    """Describe 24-hour windows as the judge sees them, shape (n, 30).

    log1p of the 24 hours, total, hours without use, shares of the three largest
    hours, and the coefficient of variation. Source: domain facts, realism report.
    """
    total = days.sum(axis=1, keepdims=True)
    largest = np.sort(days, axis=1)[:, :-4:-1] / np.maximum(total, 1e-9)
    zeros = (days == 0).sum(axis=1, keepdims=True)
    cv = days.std(axis=1, keepdims=True) / np.maximum(days.mean(axis=1, keepdims=True), 1e-9)
    return np.hstack([np.log1p(days), total, zeros, largest, cv])


def judge_auc(real: Matrix, synthetic: Matrix, *, seed: int = 0) -> float:
    """Area under the ROC curve of a classifier on whole days: .5 cannot tell, 1 always can.

    Folds are grouped by household, so that the judge is asked about households that it
    has never seen.

    Parameters
    ----------
    real, synthetic : Matrix
    seed : int
        Of the choice of days, of the folds and of the trees.

    Raises
    ------
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: scikit-learn is missing.
    """
    sklearn = _sklearn()
    rng = np.random.default_rng(seed)
    real_days, real_home = _days(real, rng)
    made_days, made_home = _days(synthetic, rng)
    features = np.vstack([day_features(real_days), day_features(made_days)])
    is_real = np.concatenate([np.ones(len(real_days)), np.zeros(len(made_days))])
    home = np.concatenate([real_home, made_home + len(real.names)])
    folds = min(FOLDS, len(np.unique(home)))
    score = np.zeros(len(is_real))
    splits = sklearn["StratifiedGroupKFold"](folds, shuffle=True, random_state=seed).split(
        features, is_real, home
    )
    # One thread: sums in one order, the same verdict on every machine.
    with sklearn["threadpool_limits"](1):
        for train, test in splits:
            model = sklearn["Classifier"](
                max_iter=_TREES, learning_rate=_RATE, max_leaf_nodes=_LEAVES, random_state=seed
            )
            model.fit(features[train], is_real[train])
            score[test] = model.predict_proba(features[test])[:, -1]
    return float(sklearn["roc_auc_score"](is_real, score))


def mean_aucs(
    sides: Sequence[tuple[Matrix, Matrix]],
    *,
    seeds: int,
    on_progress: OnProgress = unseen,
) -> list[float]:
    """Average `judge_auc` of each pair of sides over seeds 0, 1, ...: one alone wanders by .03."""
    verdicts: list[float] = []
    for real, synthetic in sides:
        for seed in range(seeds):
            verdicts.append(judge_auc(real, synthetic, seed=seed))
            on_progress(len(verdicts), seeds * len(sides))
    return [float(np.mean(verdicts[n * seeds : (n + 1) * seeds])) for n in range(len(sides))]


def _days(matrix: Matrix, rng: np.random.Generator) -> tuple[F64, I64]:
    days = matrix.liters.T.reshape(len(matrix.names), -1, 24)
    is_whole = np.logical_not(np.isnan(days).any(axis=2))
    kept = [
        rng.permutation(np.flatnonzero(is_whole[home]))[:MAX_WINDOWS] for home in range(len(matrix.names))
    ]
    home = np.repeat(np.arange(len(kept)), [len(part) for part in kept])
    return days[home, np.concatenate(kept)], home


def _sklearn() -> dict[str, Any]:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedGroupKFold
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        raise AdapterUnavailableError(
            Problem(
                "ADAPTER_NOT_INSTALLED",
                "the realism report's classifier needs scikit-learn, which is not installed",
                remedy="Run `pip install 'synthlab[platform]'`",
            )
        ) from None
    return {
        "Classifier": HistGradientBoostingClassifier,
        "StratifiedGroupKFold": StratifiedGroupKFold,
        "roc_auc_score": roc_auc_score,
        "threadpool_limits": threadpool_limits,
    }
