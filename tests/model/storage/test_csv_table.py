"""Tables in all the forms in which spreadsheets, R, pandas and text editors save them."""

import codecs
import csv
import io
import re
import zipfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.csv_table import decode_text, read_csv

COLUMNS = ("recording", "start_s", "end_s")
TIMES = ("start_s", "end_s")
ROWS = [(r"site\a.wav", 1.5, 2.0, "Grünfink"), ("b c.wav", 83.25, 90.0, "owl; the big, one")]


def read(folder, data):
    path = folder / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_csv(str(path), COLUMNS, ("label",), TIMES)


def values(rows):
    return [(r.text("recording"), r.seconds("start_s"), r.seconds("end_s"), r.text("label")) for r in rows]


def written(separator=",", decimal=".", end="\n", quoting=csv.QUOTE_MINIMAL, header=(*COLUMNS, "label")):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(header)
    for name, start, end_s, label in ROWS:
        writer.writerow([name, str(start).replace(".", decimal), str(end_s).replace(".", decimal), label])
    return file.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_decimal_marks_and_ends_of_lines(tmp_path, separator, decimal, end):
    assert values(read(tmp_path, written(separator, decimal, end))) == ROWS
    assert values(read(tmp_path, written(separator, decimal, end, csv.QUOTE_ALL))) == ROWS


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_encodings(tmp_path, encoding, mark, marked):
    if not marked and encoding == "utf-32-le":
        return
    assert values(read(tmp_path, (mark if marked else b"") + written("\t").encode(encoding))) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nrecording;start_s;end_s;label\na.wav;1,5;2;owl\n",
        "# by hand, 1;2;3\n\n Recording , START_S,End_s ,Label\n\n , ,\n#b.wav,1,2,owl\n a.wav , 1.5 ,2, owl \n,,,\n",
        '"recording" , "start_s", "end_s" , "label"\n"a.wav" , "1.5", "2" , "owl"\n',
        "who,label,note,end_s,start_s,recording,,\nme,owl,x,2,1.5,a.wav,,\n",
        'recording,start_s,end_s,label,note\na.wav,1.5,2,owl,"two\nlines, and a # \n# no comment\n"\n',
        "recording,start_s,end_s,label\na.wav,0:01.5,0:00:02,owl",
        "recording;start_s;end_s;label\na.wav;0:01,5;00:00:02,0;owl",
        "note,note,recording,start_s,end_s,label\n1,2,a.wav,1.5,2.,owl",
        "recording,start_s,end_s,label\na.wav,1.5e0,+2,owl,,,\n",
        "\u00a0recording\u00a0,start_s,end_s,label\na.wav,1.5,2,owl\u00a0\n",
    ],
)
def test_forms_of_one_table(tmp_path, text):
    assert values(read(tmp_path, text)) == [("a.wav", 1.5, 2.0, "owl")]


def test_rows_know_their_line_and_may_end_early_or_be_without_times(tmp_path):
    text = '# c\nrecording,start_s,end_s,label,note\n\na.wav,1,2,"o\nw\nl"\nb.wav\nc.wav,NA,,x\n'
    rows = read(tmp_path, text)
    assert [r.line for r in rows] == [4, 7, 8]
    assert values(rows)[1:] == [("b.wav", None, None, ""), ("c.wav", None, None, "x")]
    assert rows[0].text("label") == "o\nw\nl"


def workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty; its first line must name its columns: recording, start_s, end_s, label"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"# only a comment\n", "empty"),
        (b"file;start_s\na;1\n", "no column recording, end_s in its first line (it has: file, start_s)"),
        (b"recording,start_s,end_s,Recording \n", "names the column recording twice"),
        (b"recording,label,start_s,end_s,LABEL\n", "names the column label twice"),
        (
            workbook(),
            "a spreadsheet (.xlsx, .ods) or zip archive, not a CSV; open it in its program and save it as CSV",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old spreadsheet (.xls)"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"\x1f\x8b\x08\x00", "compressed (gzip)"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a text file"),
        ("recording,start_s,end_s\nGrün.wav,1,2".encode("cp1252"), "line 2: not UTF-8 text"),
        (b"recording,start_s,end_s\n\na.wav,1,5,2,5\n", "line 3: 5 values, but the first line names 3 columns"),
        (b'recording,start_s,end_s\n"a.wav,1,2\nb.wav,1,2\n', "line 2: a quote opens that nothing closes"),
        (b'recording,start_s,end_s\nb.wav,1,"2', "line 2: a quote opens"),
        (b'recording,start_s,end_s\n"a.wav,1,2\nb.wav,1,2\n"c.wav,1,2\n', "line 2: a quote opens"),
        (b'recording,start_s,end_s\n"a.wav,1,2\n' + b"b.wav,1,2\n" * 20_000, "line 2: a quote opens"),
        (b"recording;start_s;end_s\na;1,5;2\nb;1.5;2", "'1,5' in line 2 has a comma and '1.5' in line 3 a point"),
        (b"recording;start_s;end_s\na;1.234,5;2", "'1.234,5' in line 2 has a comma and '1.234,5' in line 2 a point"),
        (b'recording,start_s,end_s\na,"1,234","2,500"', "line 2: '1,234' may be thousands or decimals"),
    ],
)
def test_what_is_no_table_is_one_line_with_the_file(tmp_path, data, message):
    with pytest.raises(SoundbeamError) as told:
        read(tmp_path, data)
    assert message in str(told.value) and str(tmp_path / "table.csv") in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["nothing.csv", ""])
def test_what_cannot_be_read_is_one_line(tmp_path, name):
    with pytest.raises(SoundbeamError, match=re.escape(str(tmp_path / name).rstrip("/"))):
        read_csv(str(tmp_path / name), COLUMNS)


@pytest.mark.parametrize(
    "text", ["x", "nan", "inf", "1e999", "1_000", "1:75", "1:5", "1:2:3", "12:30 PM", "1:00:00:00", "2 s", "१", "-1:30"]
)
def test_what_is_no_time_is_told(tmp_path, text):
    (row,) = read(tmp_path, f"recording;start_s;end_s\na;{text};2\n")
    with pytest.raises(ValueError, match=r"start_s .* is no time; write seconds"):
        row.seconds("start_s")


# What a value may be: no surrogates, and no spaces around it, which are removed.
value = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=12).map(str.strip)
rows = st.lists(st.tuples(value.filter(bool), st.floats(0, 1e6), st.floats(0, 1e6), value), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    rows, st.sampled_from(",;\t|"), st.sampled_from([".", ","]), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.permutations((*COLUMNS, "label", "Extra")),
)  # fmt: skip
def test_what_is_written_comes_back(tmp_path_factory, rows, separator, decimal, end, encoding, columns):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        # Four digits after the mark, for three might be thousands.
        times = [f"{seconds:.4f}".replace(".", decimal) for seconds in row[1:3]]
        cells = dict(zip((*COLUMNS, "label"), (row[0], *times, row[3]), strict=True), Extra="1,2;3")
        writer.writerow([cells[name] for name in columns])
    found = values(read(tmp_path_factory.getbasetemp(), file.getvalue().encode(encoding)))
    assert found == [(row[0], float(f"{row[1]:.4f}"), float(f"{row[2]:.4f}"), row[3]) for row in rows]


@given(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"])
)
def test_text_with_a_mark_comes_back(text, encoding):
    assume(not text.startswith("\0"))  # no text does; the mark of UTF-16 and two zeros are the mark of UTF-32
    assert decode_text(text.encode(encoding)) == text.lstrip("\ufeff")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_one_line(tmp_path_factory, data):
    try:
        read(tmp_path_factory.getbasetemp(), b"recording,start_s,end_s\n" + data)
        read(tmp_path_factory.getbasetemp(), data)
    except SoundbeamError as e:
        assert "table.csv" in str(e)
