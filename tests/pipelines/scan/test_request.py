"""A scan's options are checked when the request is made, in Python as on the command line."""

import pytest

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.pipelines.scan.request import Scan


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 1.0}, "threshold 1.0 does not lie between 0 and 1"),
        ({"hop": 0.0}, "hop 0.0 is not a number above zero"),
        ({"batch_size": -1}, "batch_size -1 is not"),
        ({"segment": float("nan")}, "segment nan is not"),
        ({"since": "soon"}, "is not a date"),
        ({"timezone": "Mars/Base"}, "no time zone"),
    ],
)
def test_a_scan_that_cannot_be_is_refused_when_it_is_described(options, words):
    with pytest.raises(SoundbeamError, match=words) as error:
        Scan(["x"], "bundle", "out", **options)
    assert isinstance(error.value, OptionError) == (next(iter(options)) not in ("since", "timezone"))
