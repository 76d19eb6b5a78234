"""The simulations of benchmarks/review_coverage.py, few of them: intervals hold the truth nine times in ten.

Wide bounds, fixed seeds: of 20 intervals that hold with probability 0.9, fewer than 14 do so twice in 1,000 times.
"""

import dataclasses

import pytest

from benchmarks.review_coverage import CORPORA, main, simulate

SMALL = {corpus.name: dataclasses.replace(corpus, recordings=40) for corpus in CORPORA}


@pytest.mark.parametrize("name", ["scores too flat and too high", "reviewers err in 2 %"])
def test_intervals_hold_the_truth(name):
    found = simulate(SMALL[name], 20, 150)
    coverage, bias, width = found["total"]
    assert coverage >= 14 / 20
    assert abs(bias) < 0.15
    assert width < found["Beta 0.5"][2]
    assert found["sites"][0] > 0.8


def test_rare_calls_do_not_make_thousands():
    rare = dataclasses.replace(SMALL["1 window in 10,000"], rate=1e-3)
    found = simulate(rare, 10, 150)
    assert found["total"][0] >= 6 / 10
    assert found["total"][2] < found["Beta 0.5"][2] / 3


def test_the_table(capsys):
    assert main(["--repetitions", "1", "--only", "another background"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[2].startswith("| a site with another background | ")
