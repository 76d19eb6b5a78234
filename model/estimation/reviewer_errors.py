"""How often a verdict is wrong, from windows that two people judged."""

from __future__ import annotations

import numpy as np


def draw_error(pairs: int, unlike: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the share of single verdicts that are wrong, float64 ``[draws]``, from 0 to ½.

    Two people who err independently with probability e judge a share 2 e (1 − e) of windows differently. That share has
    Jeffreys' Beta posterior.

    Args:
        pairs: How many windows two people judged yes or no, at least one.
        unlike: How many of these they judged differently.
        draws: How many.
        rng: Decides them.
    """
    share = np.minimum(rng.beta(unlike + 0.5, pairs - unlike + 0.5, draws), 0.5)
    return (1 - np.sqrt(1 - 2 * share)) / 2
