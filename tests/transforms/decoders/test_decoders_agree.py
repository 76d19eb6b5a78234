"""The two decoders against each other, and the changes of rate against theory."""

import numpy as np
import pytest
import scipy.signal

from soundbeam.transforms.decoders import DecodeError, make_resampler, open_decoder
from soundbeam.transforms.decoding.decode_recordings import decode_blocks
from tests.transforms.audio_files import decode, encode, noise, write


def test_resampling_does_not_depend_on_how_the_input_is_cut():
    x = noise(1.0, 44100)[:, 0]
    for decoder in ("soundfile", "tensorflow-io"):
        results = []
        for size in (len(x), 1000, 77):
            resampler = make_resampler(decoder, 44100, 16000)
            parts = [resampler.feed(x[at : at + size]) for at in range(0, len(x), size)]
            results.append(np.concatenate([*parts, resampler.finish()]))
        assert len(results[0]) == 16000
        for other in results[1:]:
            np.testing.assert_allclose(other, results[0], atol=1e-6)


def test_soxr_keeps_a_tone_and_removes_what_would_alias():
    t = np.arange(48000) / 48000
    for frequency, gain in ((1000, 1.0), (7000, 1.0), (9000, 0.0)):
        resampler = make_resampler("soundfile", 48000, 16000)
        x = np.sin(2 * np.pi * frequency * t).astype(np.float32)
        y = np.concatenate([resampler.feed(x), resampler.finish()])
        expected = gain * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)
        assert np.abs(y - expected)[200:-200].max() < 1e-4


@pytest.mark.parametrize(
    "kind", ["WAV PCM_16", "WAV PCM_24", "WAV FLOAT", "FLAC PCM_16", "FLAC PCM_24", "OGG VORBIS", "MP3 MPEG_LAYER_III"]
)
def test_tensorflow_io_gives_the_same_samples(tmp_path, kind):
    format, subtype = kind.split()
    path = write(tmp_path, f"x.{format.lower()}", encode(noise(2.0, 44100, 2), 44100, format, subtype))
    ours, theirs = decode(path), decode(path, "tensorflow-io")
    assert ours[1] == theirs[1] and theirs[3] is None and len(ours[0]) == len(theirs[0])
    np.testing.assert_allclose(theirs[0], ours[0], atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_tensorflow_io_gives_the_same_spectrum_at_the_same_times(rate):
    x = noise(8.0, rate)[:, 0]
    found = {}
    for decoder in ("soundfile", "tensorflow-io"):
        resampler = make_resampler(decoder, rate, 16000)
        found[decoder] = np.concatenate([resampler.feed(x), resampler.finish()])
    ours, theirs = found["soundfile"], found["tensorflow-io"]
    assert abs(len(ours) - len(theirs)) <= 1
    spectra = [scipy.signal.welch(y, 16000, nperseg=1024)[1] for y in (ours, theirs)]
    band = scipy.signal.welch(ours, 16000, nperseg=1024)[0] < 0.45 * min(rate, 16000)
    assert np.abs(10 * np.log10(spectra[1] / spectra[0]))[band].max() < 0.5
    low = scipy.signal.butter(6, 0.3 * min(rate, 16000), fs=16000, output="sos")
    a, b = (scipy.signal.sosfilt(low, y[: 7 * 16000]) for y in (ours, theirs))
    assert np.abs(a - b).max() < 0.02 * np.abs(a).max()  # no delay: one of a sample would give far more


@pytest.mark.parametrize(("format", "subtype"), [("AIFF", "PCM_16"), ("OGG", "OPUS"), ("WAV", "PCM_32")])
def test_what_tensorflow_io_does_not_read_is_refused(tmp_path, format, subtype):
    path = write(tmp_path, "x.wav", encode(noise(0.5, 48000), 48000, format, subtype))
    with pytest.raises(DecodeError, match="decoder=soundfile"):
        open_decoder(str(path), "tensorflow-io")


def test_whole_recordings_through_either_decoder(tmp_path):
    for rate, channels in ((44100, 2), (16000, 1)):
        path = str(write(tmp_path, "x.flac", encode(noise(3.0, rate, channels), rate, "FLAC")))
        ours, theirs = (np.concatenate(list(decode_blocks(path, 16000, d))) for d in ("soundfile", "tensorflow-io"))
        assert abs(len(ours) - len(theirs)) <= 1
        spectra = [scipy.signal.welch(y, 16000, nperseg=1024)[1] for y in (ours, theirs)]
        assert np.abs(10 * np.log10(spectra[1] / spectra[0]))[: int(0.45 * 1024)].max() < 0.5
