"""Which labels people would take for one."""

import unicodedata

import pytest

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.label_names import LabelNames, similar_labels

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


SPECIES = ("Ardea alba_Great Egret", "Strix aluco_Tawny Owl", "Strix varia_Barred Owl", "Engine", "Siren_Siren")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("Ardea alba_Great Egret", ["Ardea alba_Great Egret"]),
        ("ardea  ALBA_great egret", ["Ardea alba_Great Egret"]),
        ("Strix aluco", ["Strix aluco_Tawny Owl"]),
        ("barred owl", ["Strix varia_Barred Owl"]),
        ("Strix varia_Streifenkauz", ["Strix varia_Barred Owl"]),
        ("Siren", ["Siren_Siren"]),
        ("engine", ["Engine"]),
        ("Strix", []),
        ("Eng_ine", []),
        ("", []),
    ],
)
def test_a_label_is_found_by_its_name_or_by_a_half_of_it(name, labels):
    assert LabelNames(SPECIES).find(name) == labels


def test_a_name_that_several_labels_have_finds_all_of_them():
    assert LabelNames(("A a_Owl", "B b_Owl")).find("owl") == ["A a_Owl", "B b_Owl"]


def test_the_nearest_labels_are_those_that_are_spelt_nearly_so():
    names = LabelNames(SPECIES)
    assert names.nearest("Strix alucco")[0] == "Strix aluco_Tawny Owl"
    assert names.nearest("Tawny Owls_x")[0] == "Strix aluco_Tawny Owl" and names.nearest("qqqq") == []


def test_the_one_that_is_meant():
    names = LabelNames(("eurowl", "tawowl", "grebe"), {"tawowl": {"scientific": "Strix aluco", "common": "Tawny Owl"}})
    assert [names.one(name) for name in ("tawowl", "tawny owl", "Strix aluco", "grebe")] == ["tawowl"] * 3 + ["grebe"]
    with pytest.raises(OptionError, match="no label 'greeb'; there are eurowl, tawowl, grebe; nearest: grebe"):
        names.one("greeb")
    with pytest.raises(OptionError, match="label 'owl' may mean 'Owl' or 'OWL'; write it whole"):
        LabelNames(("Owl", "OWL")).one("owl")
