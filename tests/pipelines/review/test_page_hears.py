"""What the page plays and draws, in real headless Chromium."""

import os

import numpy as np
import pytest
import soundfile

from tests.pipelines.review.browser import Visit, heard, needs_chromium, press, until
from tests.pipelines.review.looked_at import RATE, Server, results_of

pytestmark = needs_chromium


def test_what_is_played_is_the_files_sound(chromium, page_server, looked_at):
    with Visit(chromium, page_server.url) as page:
        press(page, "ArrowRight", "ArrowRight")
        heard(page)
        start, rate, samples = page.evaluate("[page.sound.start, page.sound.rate, [...page.sound.samples]]")
        uri, at = page.evaluate("[page.window.uri, page.window.start_s]")
        whole, _ = soundfile.read(uri.removeprefix("file://"), dtype="float32")
        assert (rate, start) == (RATE, at - 2)
        assert np.array_equal(np.float32(samples), whole[round(start * RATE) : round((at + 4) * RATE)])
        # And so is the buffer that goes to the loudspeaker: what lies in the window, at its own rate.
        page.keyboard.press("w")
        until(page, "Boolean(page.player.playing)")
        played = np.float32(page.evaluate("[...page.player.playing.source.buffer.getChannelData(0)]"))
        assert np.array_equal(played, whole[round(at * RATE) : round((at + 2) * RATE)])
        assert page.evaluate("page.player.playing.source.buffer.sampleRate") == RATE


def test_playing_moves_a_cursor_and_can_be_slowed(chromium, page_server):
    with Visit(chromium, page_server.url) as page:
        press(page, ",", ",", " ", " ")
        page.keyboard.press("w")
        until(page, "page.player.position() > 0.01")
        assert page.evaluate("page.player.playing.source.playbackRate.value") == 0.25
        assert page.is_visible("#cursor")
        page.keyboard.press(" ")
        assert until(page, "page.player.playing === null")
        assert page.inner_text("#play").startswith("Play")
        box = page.locator("#picture").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        until(page, "page.player.playing?.start > 1")


def test_the_spectrogram_shows_a_tone_where_it_is(chromium, tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    t = np.arange(20 * RATE) / RATE
    path = tmp_path / "recordings" / "a.wav"
    tone = 0.3 * np.sin(2 * np.pi * 3000 * t) * ((t > 4.5) & (t < 5.5)) + 1e-4 * np.random.default_rng(
        0
    ).standard_normal(len(t))
    state = path.stat()
    soundfile.write(path, tone, RATE, subtype="PCM_16")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with Server(output) as server, Visit(chromium, server.url, viewport={"width": 1200, "height": 800}) as page:
        press(page, "ArrowRight", "ArrowRight")
        heard(page)
        picture = page.evaluate("""() => {
            const canvas = document.querySelector("#picture"), pen = canvas.getContext("2d"), {shown} = page.picture;
            const data = pen.getImageData(shown.left, shown.top, shown.width, shown.height);
            const light = [];
            for (let i = 0; i < data.data.length; i += 4) {
                light.push(data.data[i] + data.data[i + 1] + data.data[i + 2]);
            }
            return {...shown, columns: data.width, light};
        }""")
        light = np.array(picture["light"]).reshape(-1, picture["columns"])
        tone_at = np.argwhere(light > 0.7 * light.max())
        # The two white lines are the window's bounds.
        lines = (light > 500).all(axis=0)
        tone_at = tone_at[~lines[tone_at[:, 1]]]
        hz = picture["highest"] * (1 - (tone_at[:, 0] + 0.5) / light.shape[0])
        seconds = picture["start"] + picture["seconds"] * (tone_at[:, 1] + 0.5) / light.shape[1]
        assert np.median(hz) == pytest.approx(3000, abs=30)
        assert hz.min() > 2800 and hz.max() < 3200
        assert seconds.min() == pytest.approx(4.5, abs=0.03) and seconds.max() == pytest.approx(5.5, abs=0.03)


@pytest.mark.parametrize(("rate", "keys", "speed"), [(250_000, ",,,", 0.1), (200, "...", 10.0), (500_000, "", 1.0)])
def test_bats_and_infrasound_keep_their_own_rate(chromium, tmp_path, rate, keys, speed):
    looked_at = results_of(tmp_path, names=("a.wav",), rate=rate)
    with Server(looked_at) as server, Visit(chromium, server.url) as page:
        page.keyboard.press("f")  # all frequencies
        assert page.evaluate("page.picture.shown.highest") == rate / 2
        page.keyboard.press("w")
        press(page, *keys, "w")
        until(page, "Boolean(page.player.playing)")
        source = "page.player.playing.source"
        buffered, by = page.evaluate(f"[{source}.buffer.sampleRate, {source}.playbackRate.value]")
        assert buffered * by == pytest.approx(rate * speed, rel=1e-6)
        assert page.evaluate("page.sound.samples.length") == 4 * rate
        assert page.evaluate(f"{source}.buffer.length") == 2 * rate


def test_gain_band_and_speed_do_what_they_say(chromium, page_server):
    """Two tones through the nodes that play them, rendered by the browser and measured by NumPy."""
    with Visit(chromium, page_server.url) as page:
        rendered = page.evaluate("""async () => {
            const { graph } = await import("/page/sound.js");
            const rate = 16000, samples = new Float32Array(2 * rate), results = [];
            for (let i = 0; i < samples.length; i++) {
                samples[i] = 0.01 * (Math.sin(2 * Math.PI * 500 * i / rate) + Math.sin(2 * Math.PI * 4000 * i / rate));
            }
            for (const options of [
                { gain: 20 }, { band: { low: 2000, high: 6000 } }, { band: { low: 2000, high: 6000 }, speed: 0.5 },
                { band: { low: 0, high: 1000 } },
            ]) {
                const context = new OfflineAudioContext(1, 2 * rate, rate);
                graph(context, { samples, rate }, 0, 2, options).source.start();
                results.push([...(await context.startRendering()).getChannelData(0)]);
            }
            return results;
        }""")
    plain, high, slow, low = np.array(rendered)

    def level(sound, hz):
        """dB of a tone, relative to that in the recording, in the middle second."""
        part = sound[8000:24000] * np.hanning(16000)
        return 20 * np.log10(2 * abs(np.fft.rfft(part)[hz]) / 8000 / 0.01)

    assert (level(plain, 500), level(plain, 4000)) == pytest.approx((20, 20), abs=0.1)
    assert level(high, 4000) == pytest.approx(0, abs=3) and level(high, 500) < -40
    assert level(slow, 2000) == pytest.approx(0, abs=3) and level(slow, 250) < -40 and level(slow, 4000) < -60
    assert level(low, 500) == pytest.approx(0, abs=3) and level(low, 4000) < -40
