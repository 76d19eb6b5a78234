"""Listing and scanning on GCS and Azure: recordings and bundle in, tables out, as on a local disk."""

import json
from pathlib import Path

import pytest

from soundbeam.model.storage import stores
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.records import Recording
from tests.faults.corpora import tables
from tests.stores.bucket import names_only


@pytest.fixture(params=["gcs", "azure"])
def store(request, recordings, tone_bundle):
    found = request.getfixturevalue(request.param)
    found.upload(recordings, "recordings")
    found.upload(Path(tone_bundle), "bundle")
    return found


def test_listing_and_scan(store, expected, capsys):
    with stores.restored_options():
        stores.use_options(store.options)
        listed = [row for row in list_recordings(f"{store.url}/recordings/**/*.wav") if isinstance(row, Recording)]
        assert sorted(r.uri.partition("recordings/")[2] for r in listed) == ["a.wav", "site/d.wav", "site/text.wav"]
        assert all(r.bytes and r.version and r.modified for r in listed)
    arguments = ["--recordings", f"{store.url}/recordings", "--classifier", f"{store.url}/bundle"]
    arguments += ["--output", f"{store.url}/results", "--storage-options", json.dumps(store.options)]
    assert main(arguments) == 0
    with stores.restored_options():
        stores.use_options(store.options)
        assert names_only(tables(f"{store.url}/results")) == expected
        assert names_only(tables(f"{store.url}/results")) == expected
    before = store.objects("results")
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "nothing new" in said.out and store.objects("results") == before
    assert not store.fs.find(f"{store.url}/results/_staging")
    for secret in store.secrets:
        assert secret not in said.out + said.err
        assert not [path for path, data in before.items() if secret.encode() in data]
    absent = store.url.replace("field", "elsewhere")
    assert main([*arguments[:1], f"{absent}/a.wav", *arguments[2:]]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "there is no bucket 'elsewhere'" in error
