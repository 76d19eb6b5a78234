"""Which labels people would take for one."""

import unicodedata

import pytest

from soundbeam.pipelines.label_names import similar_labels

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Gr\u00fcn") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("labels", "lines"),
    [
        (["owl", "fox", "owls"], []),
        (["owl", "owl"], []),
        (["owl", "Owl", "fox"], ["'Owl' and 'owl' differ only in upper and lower case"]),
        (["owl ", "owl", "fox ", "Fox"], ["'Fox' and 'fox ' differ", "'owl' and 'owl ' differ"]),
        ([COMPOSED, DECOMPOSED], ["'Gru\\u0308n' and 'Gr\\xfcn' differ only in the code of their accents"]),
    ],
)
def test_labels_that_look_alike_are_pointed_out(labels, lines):
    told = similar_labels(labels)
    assert len(told) == len(lines) and all(line in one for line, one in zip(sorted(lines), sorted(told), strict=True))
