"""Files as the tools write them, by the letter of their formats, and what is read of them."""

import pytest

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.pipelines.annotations.read_annotations import AnnotationOptions, read_annotations

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def written(tmp_path, name, *lines, end="\n"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode() if lines else b"")
    return str(path)


def rows(url, **options):
    """(recording's last two components, start, end, label, kind) of each annotation."""
    found = read_annotations(url, AnnotationOptions(**options))
    return [("/".join(a.recording.split("/")[-2:]), a.start_s, a.end_s, a.label, a.kind) for a in found]


def only(url, **options):
    return [(start, end, label) for _, start, end, label, _ in rows(url, **options)]


def test_raven_takes_each_selection_once_and_the_offset_in_the_file(tmp_path):
    url = written(
        tmp_path,
        "all.txt",
        RAVEN + "\tBegin Path\tFile Offset (s)\tSpecies",
        "1\tWaveform 1\t1\t63.5\t65.0\t0.0\t8000.0\tC:\\a\\two.wav\t3.5\towl ",
        "1\tSpectrogram 1\t1\t63.5\t65.0\t300.0\t900.0\tC:\\a\\two.wav\t3.5\towl ",
        '2\tSpectrogram 1\t1\t1.25\t2\t300.0\t900.0\tC:\\a\\one.wav\t1.25\t"tu-whit',
        end="\r\n",
    )
    assert rows(url) == [
        ("C:\\a\\two.wav", 3.5, 5.0, "owl", "call"),
        ("C:\\a\\one.wav", 1.25, 2.0, '"tu-whit', "call"),
    ]


def test_raven_with_waveforms_only_has_no_doubles(tmp_path):
    url = written(tmp_path, "a.txt", RAVEN + "\tMy label", "1\tWaveform 1\t1\t1\t2\t0\t8000\tfox")
    assert only(url, label_column="my LABEL") == [(1.0, 2.0, "fox")]
    assert only(url) == [(1.0, 2.0, "")]
    with pytest.raises(SoundbeamError, match=r"no column 'Kind' for --label-column; it has: Sel.*My label"):
        only(url, label_column="Kind")


@pytest.mark.parametrize("ending", ["Table.1.selections.txt", "BirdNET.selection.table.txt", "selections.txt"])
def test_an_empty_raven_table_says_that_its_recording_was_listened_to(tmp_path, ending):
    assert rows(written(tmp_path, f"s/x.y.{ending}", RAVEN)) == [("s/x.y", None, None, "", "call")]


def test_raven_tables_of_several_files_need_the_offset(tmp_path):
    head = RAVEN + "\tBegin File"
    one = ["1\tSpectrogram 1\t1\t1\t2\t0\t8000\ta.wav", "2\tSpectrogram 1\t1\t61\t62\t0\t8000\t{}.wav"]
    same = written(tmp_path, "same.txt", head, one[0], one[1].format("a"))
    assert only(same) == [(1.0, 2.0, ""), (61.0, 62.0, "")]
    with pytest.raises(SoundbeamError, match=r"two.txt: selections of 2 files without the column File Offset"):
        only(written(tmp_path, "two.txt", head, one[0], one[1].format("b")))


def test_ravens_names_as_r_writes_them(tmp_path):
    head = "Selection\tView\tBegin.Time..s.\tEnd.Time..s.\tAnnotation"
    assert only(written(tmp_path, "r.txt", head, "1\tSpectrogram 1\t0.5\t0.75\ta")) == [(0.5, 0.75, "a")]


def test_audacity(tmp_path):
    lines = ["1.000000\t2.500000\towl;0.873", "\\\t300.000000\t900.000000", "3.5\t3.5\ta;b; 1e-3", "4\t5\tx;y"]
    url = written(tmp_path, "site/day.txt", *lines)
    assert rows(url) == [
        ("site/day", 1.0, 2.5, "owl", "call"),
        ("site/day", 3.5, 3.5, "a;b", "call"),
        ("site/day", 4.0, 5.0, "x;y", "call"),
    ]
    assert rows(written(tmp_path, "site/none.txt")) == [("site/none", None, None, "", "call")]


def test_birdnet(tmp_path):
    head = "Start (s),End (s),Scientific name,Common name,Confidence,File,lat,lon,week"
    row = "3.0,6.0,Strix aluco,Tawny Owl,0.87,/data/a/day.wav,,,"
    assert rows(written(tmp_path, "BirdNET_CombinedTable.csv", head, row)) == [
        ("a/day.wav", 3.0, 6.0, "Strix aluco_Tawny Owl", "call")
    ]
    assert only(written(tmp_path, "b.csv", head, row), label_column="Common name") == [(3.0, 6.0, "Tawny Owl")]
    same = written(tmp_path, "c.csv", head, "0,3,Noise,Noise,0.9,day.wav,,,")
    assert rows(same)[0][3:] == ("Noise", "call")  # a label like any other, unless Kaleidoscope wrote it
    assert rows(written(tmp_path, "s/day.BirdNET.results.csv", head)) == [("s/day", None, None, "", "call")]


def test_kaleidoscope_prefers_what_a_person_wrote(tmp_path):
    head = "INDIR,OUTDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,OUT FILE FS,DATE,AUTO ID*,MANUAL ID"
    lines = [
        "C:\\bats,,night1,a.wav,0,1.5,2.25,,2024-01-01,MYODAU,PIPPIP",
        "C:\\bats,,night1,a.wav,0,5,1,,2024-01-01,NoID,",
        "C:\\bats,,,b.wav,0,0,1,,2024-01-01,EPTSER,Noise",
    ]
    found = read_annotations(written(tmp_path, "id.csv", head, *lines))
    assert [(a.recording, a.start_s, a.end_s, a.label, a.kind) for a in found] == [
        ("C:\\bats/night1/a.wav", 1.5, 3.75, "PIPPIP", "call"),
        ("C:\\bats/night1/a.wav", 5.0, 6.0, "NoID", "negative"),
        ("C:\\bats/b.wav", 0.0, 1.0, "Noise", "negative"),
    ]
    cluster = written(
        tmp_path, "cluster.csv", "INDIR,FOLDER,IN FILE,OFFSET,DURATION,TOP1MATCH,TOP1DIST", "/a,b,c.wav,1,1,owl,0.2"
    )
    assert rows(cluster) == [("b/c.wav", 1.0, 2.0, "owl", "call")]
    birdnet = "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week"
    made = written(tmp_path, "k.csv", birdnet, "/a,b,c.wav,3.0,3.0,Strix aluco,Tawny Owl,0.9,,,")
    assert rows(made) == [("b/c.wav", 3.0, 6.0, "Strix aluco_Tawny Owl", "call")]


def test_opensoundscape_has_a_column_a_class(tmp_path):
    url = written(
        tmp_path,
        "o.csv",
        "file,start_time,end_time,Tawny Owl,fox",
        "a.wav,0,3,1,0",
        "a.wav,3,6,True,1.0",
        "b.wav,0,3,0,False",
    )
    assert rows(url) == [
        ("a.wav", 0.0, 3.0, "Tawny Owl", "call"),
        ("a.wav", 3.0, 6.0, "Tawny Owl", "call"),
        ("a.wav", 3.0, 6.0, "fox", "call"),
        ("b.wav", None, None, "", "call"),
    ]
    with pytest.raises(SoundbeamError, match=r"s.csv line 2: '0.4' in the column fox is neither 1 nor 0"):
        rows(written(tmp_path, "s.csv", "file,start_time,end_time,fox", "a.wav,0,3,0.4"))


def test_hawkears_warbler_and_hoplite(tmp_path):
    hawk = written(tmp_path, "h.csv", "recording,name,start_time,end_time,score", "day,Tawny Owl,1.5,4.5,0.9")
    assert rows(hawk) == [("day", 1.5, 4.5, "Tawny Owl", "call")]
    warbler = [
        '"sound.files","selec","channel","start","end","bottom.freq","top.freq","Type"',
        '"a.wav",1,1,0.5,1,2,4,"x"',
    ]
    assert rows(written(tmp_path, "w.csv", *warbler)) == [("a.wav", 0.5, 1.0, "x", "call")]
    head = "recording,start_offset_s,end_offset_s,label,label_type"
    lines = [f"a.wav,{i},{i + 1},owl,{kind}" for i, kind in enumerate(("positive", "negative", "uncertain"))]
    assert [(row[1], row[4]) for row in rows(written(tmp_path, "p.csv", head, *lines))] == [
        (0.0, "call"),
        (1.0, "negative"),
        (2.0, "uncertain"),
    ]
    with pytest.raises(SoundbeamError, match="label_type 'maybe' is none of positive, negative, uncertain"):
        rows(written(tmp_path, "q.csv", head, "a.wav,0,1,owl,maybe"))


def test_aoef_that_soundevent_wrote(tmp_path):
    soundevent = pytest.importorskip("soundevent")
    data, io = soundevent.data, pytest.importorskip("soundevent.io")
    recordings = [data.Recording(path=f"/data/s/{n}.wav", duration=60, channels=1, samplerate=16000) for n in "ab"]
    species = data.Tag(term=data.term_from_key("species"), value="Strix aluco")

    def event(geometry):
        made = data.SoundEvent(recording=recordings[0], geometry=geometry)
        return data.SoundEventAnnotation(sound_event=made, tags=[species])

    clips = [data.Clip(recording=r, start_time=0, end_time=60) for r in recordings]
    geometries = [
        data.BoundingBox(coordinates=[1.25, 300, 2.5, 900]),
        data.TimeInterval(coordinates=[3, 4.125]),
        data.TimeStamp(coordinates=7.5),
        data.LineString(coordinates=[[9, 100], [8, 200], [10, 300]]),
    ]
    annotated = [
        data.ClipAnnotation(clip=clips[0], sound_events=[event(g) for g in geometries]),
        data.ClipAnnotation(clip=clips[1]),
    ]
    io.save(data.AnnotationSet(clip_annotations=annotated), tmp_path / "a.json")
    found = rows(str(tmp_path / "a.json"))
    times = sorted((start, end) for name, start, end, label, _ in found if label == "Strix aluco" and name == "s/a.wav")
    assert times == [(1.25, 2.5), (3.0, 4.125), (7.5, 7.5), (8.0, 10.0)]
    assert ("s/b.wav", None, None, "", "call") in found and len(found) == 5
    assert {row[3] for row in rows(str(tmp_path / "a.json"), label_column="genus")} == {""}


def test_sequences_by_crowsetta(tmp_path):
    pytest.importorskip("crowsetta")
    grid = [
        'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", "xmax = 3", "tiers? <exists>",
        "size = 1",
        "item []:", "    item [1]:", '        class = "IntervalTier"', '        name = "calls"', "        xmin = 0",
        "        xmax = 3", "        intervals: size = 3",
    ]  # fmt: skip
    for i, (start, end, text) in enumerate([(0, 1.2345, ""), (1.2345, 2.5, "owl"), (2.5, 3, "")], 1):
        grid += [f"        intervals [{i}]:", f"            xmin = {start}", f"            xmax = {end}"]
        grid += [f'            text = "{text}"']
    assert rows(written(tmp_path, "s/day.TextGrid", *grid)) == [("s/day", 1.2345, 2.5, "owl", "call")]
    simple = written(tmp_path, "simple.csv", "onset_s,offset_s,label", "0.5,0.75,a", "1,2,b")
    assert only(simple, annotation_format="simple-seq") == [(0.5, 0.75, "a"), (1.0, 2.0, "b")]
    with pytest.raises(SoundbeamError, match=r"broken.TextGrid: crowsetta cannot read it as textgrid"):
        rows(written(tmp_path, "broken.TextGrid", "nothing"))


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "crowsetta", None)
    with pytest.raises(SoundbeamError, match=r"needs crowsetta; install it: pip install 'soundbeam\[formats\]'"):
        rows(written(tmp_path, "a.TextGrid", "x"))


def test_a_folder_of_several_formats(tmp_path, capsys):
    written(tmp_path, "t/a.Table.1.selections.txt", RAVEN + "\tSpecies", "1\tSpectrogram 1\t1\t1\t2\t0\t8000\towl")
    written(tmp_path, "t/deep/b.txt", "1\t2\tOwl")
    written(tmp_path, "t/c.csv", "recording,start_s,end_s,label", "c.wav,1,2,fox")
    written(tmp_path, "t/README.txt", "Annotated by me.")
    written(tmp_path, "t/sound.wav", "x")
    written(tmp_path, "t/.hidden.txt", "1\t2\tnot this")
    found = {(name, label) for name, _, _, label, _ in rows(str(tmp_path / "t"))}
    assert found == {("t/a", "owl"), ("deep/b", "Owl"), ("c.wav", "fox")}
    err = capsys.readouterr().err
    assert "1 files are no annotations and were passed by" in err and "README.txt" in err
    assert "'Owl' and 'owl' differ only in upper and lower case" in err
    assert len(rows(f"{tmp_path}/t/*.txt")) == 1 and len(rows(f"{tmp_path}/t/**/*.txt")) == 2


def test_labels_are_renamed(tmp_path, capsys):
    url = written(tmp_path, "a.txt", "1\t2\t GHOW ", "3\t4\tfox (barking)")
    table = written(tmp_path, "map.csv", "old,new", "fox (barking),fox")
    assert [row[2] for row in only(url, map=("GHOW=owl", table, "none=x"))] == ["owl", "fox"]
    assert "--map none=x: no annotation has the label 'none'" in capsys.readouterr().err
    with pytest.raises(OptionError, match="'GHOW' becomes 'owl' already"):
        rows(url, map=("GHOW=owl", "GHOW=fox"))
    with pytest.raises(OptionError, match="--map GHOW=: give both names"):
        rows(url, map=("GHOW=",))


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("a.txt", [RAVEN, "1\tSpectrogram 1\t1\tx\t2\t0\t1"], r"a.txt line 2: 'x' is no time"),
        (
            "a.txt",
            [RAVEN, "1\tSpectrogram 1\t1\t3\t2\t0\t1", "2\tS\t1\t3\t\t0\t1"],
            r"line 2: from 3 to 2 s .*1 more",
        ),
        ("b.txt", ["1\t2\tok", "", "no label"], "b.txt line 3: is no label; a line has a start, an end and a text"),
        ("c.csv", ["file,begin", "a,1"], "c.csv: no column recording, start_s, end_s"),
        ("k.csv", ["INDIR,FOLDER,IN FILE,OFFSET,DURATION", "a,b,c,1,x"], "k.csv line 2: duration 'x' is no time"),
        ("j.json", ["{}"], "j.json: soundevent cannot read it as AOEF"),
    ],
)
def test_bad_files_name_file_and_line(tmp_path, name, lines, message):
    with pytest.raises(SoundbeamError, match=message):
        rows(written(tmp_path, name, *lines))


def test_nothing_to_read_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SoundbeamError, match=r"empty: no annotations \(nothing there\); the formats are: csv, "):
        rows(str(tmp_path / "empty"))
    written(tmp_path, "notes/a.txt", "Some words.")
    with pytest.raises(SoundbeamError, match=r"no annotations \(not one of 1 files is known, e.g. .*a.txt\)"):
        rows(str(tmp_path / "notes"))
    with pytest.raises(SoundbeamError, match=r"none\.csv: the table cannot be read"):
        rows(str(tmp_path / "none.csv"))
    with pytest.raises(OptionError, match="--annotation-format raaven: unknown; the formats are"):
        rows(str(tmp_path / "none.csv"), annotation_format="raaven")
