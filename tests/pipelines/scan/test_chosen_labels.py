"""The labels of ``--labels``: names and files, as people and other programs write them."""

import pytest

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.scan.chosen_labels import chosen_labels

LABELS = ("Ardea alba_Great Egret", "Strix aluco_Tawny Owl", "Strix varia_Barred Owl", "Engine", "A a_Owl", "B b_Owl")


@pytest.mark.parametrize(
    "data",
    [
        b"Strix aluco_Tawny Owl\nArdea alba\n",
        b"# a list\r\n\r\n  Ardea alba_Silberreiher\r\nTawny Owl",
        "\ufeffStrix aluco_Tawny Owl\r\nArdea alba_Great Egret\r\n".encode(),
        "Ardea alba\nStrix aluco\nArdea alba\n".encode("utf-16"),
    ],
)
def test_a_file_names_a_label_a_line(tmp_path, data):
    (tmp_path / "list.txt").write_bytes(data)
    assert chosen_labels([str(tmp_path / "list.txt")], LABELS) == LABELS[:2]


def test_names_and_files_may_be_mixed_and_the_order_is_the_classifiers(tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text("Engine\n")
    (tmp_path / "more.txt").write_text("barred owl\n")
    (tmp_path / "Engine").write_text("nothing that is a label")
    monkeypatch.chdir(tmp_path)
    assert chosen_labels(["more.txt", "Ardea alba", "list.txt"], LABELS) == (LABELS[0], *LABELS[2:4])
    assert chosen_labels(["Engine"], LABELS) == ("Engine",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Strix alucco\n", "list.txt line 1: 'Strix alucco' (nearest: 'Strix aluco_Tawny Owl'"),
        ("a1\nb2\nc3\nd4\nEngine\n", "'c3' and 1 more are none of the classifier's 6 labels"),
        ("Owl\n", "list.txt line 1: 'Owl' may mean 'A a_Owl' or 'B b_Owl'; write it whole"),
        ("# nothing\n\n", "list.txt: names no label; write one a line"),
        (b"\xff\xfa\x00\x81", "not UTF-8 text"),
    ],
)
def test_what_cannot_be_taken_for_a_label_is_one_line(tmp_path, text, words):
    (tmp_path / "list.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(OptionError) as error:
        chosen_labels([str(tmp_path / "list.txt")], LABELS)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tawny owls", "lst.txt", "memory://there/is/none.txt", ".", "\0"])
def test_what_is_neither_a_label_nor_a_file_is_one_line(name):
    with pytest.raises(OptionError) as error:
        chosen_labels([name], LABELS)
    assert str(error.value).startswith("--labels: ") and "\n" not in str(error.value)
