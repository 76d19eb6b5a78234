// Sound: WAV files as samples, and their playing, slowed or raised, filtered and amplified.

// Reads a WAV file, mono, float32. The browser's own decoder would resample it to the loudspeaker's rate, and bats
// would be gone.
export function readWav(buffer) {
  const view = new DataView(buffer);
  let rate = 0;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const name = view.getUint32(at), size = view.getUint32(at + 4, true);
    if (name === 0x666d7420) rate = view.getUint32(at + 12, true); // "fmt "
    if (name === 0x64617461) { // "data"
      const count = Math.floor(Math.min(size, view.byteLength - at - 8) / 4);
      const samples = new Float32Array(count);
      for (let i = 0; i < count; i++) samples[i] = view.getFloat32(at + 8 + 4 * i, true);
      return { samples, rate, seconds: count / rate };
    }
    at += 8 + size + (size & 1);
  }
  throw new Error("no WAV file");
}

// The gain, in dB, that brings a stretch to a pleasant level; at most 40, so that silence stays quiet.
export function levelling(samples) {
  let sum = 0, peak = 1e-9;
  for (const value of samples) {
    sum += value * value;
    peak = Math.max(peak, Math.abs(value));
  }
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  return Math.max(-12, Math.min(40, -26 - 20 * Math.log10(Math.max(rms, 1e-9)), -1 - 20 * Math.log10(peak)));
}

// What a buffer can be told to be sampled at; browsers refuse other rates.
const LOWEST_RATE = 8000, HIGHEST_RATE = 384000;

// What plays a part of a sound: a buffer at its own rate, slowed or raised, then filtered, then amplified. gain in dB;
// band: {low, high} in Hz of the recording, or null.
export function graph(context, sound, from, to, { speed = 1, gain = 0, band = null } = {}) {
  const first = Math.max(0, Math.floor(from * sound.rate));
  const part = sound.samples.subarray(first, Math.ceil(to * sound.rate));
  if (!part.length) return null;
  const rate = Math.max(LOWEST_RATE, Math.min(HIGHEST_RATE, sound.rate));
  const buffer = context.createBuffer(1, part.length, rate);
  buffer.copyToChannel(part, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.playbackRate.value = (speed * sound.rate) / rate;
  let node = source;
  const most = context.sampleRate / 2;
  // Two of each: 24 dB an octave. What is slowed is filtered where it then sounds.
  const edges = band ? [["highpass", band.low], ["highpass", band.low], ["lowpass", band.high], ["lowpass", band.high]] : [];
  for (const [type, hz] of edges) {
    const at = hz * speed;
    if ((type === "highpass" && at <= 0) || (type === "lowpass" && at >= most)) continue;
    const filter = context.createBiquadFilter();
    filter.type = type;
    filter.Q.value = 0; // dB: no bump at the edge
    filter.frequency.value = Math.min(at, most);
    node = node.connect(filter);
  }
  const loudness = context.createGain();
  loudness.gain.value = 10 ** (gain / 20);
  node.connect(loudness).connect(context.destination);
  return { source, loudness, start: first / sound.rate };
}

export class Player {
  constructor(onState) {
    this.onState = onState;
    this.playing = null;
    this.context = null;
  }

  get asleep() {
    return !this.context || this.context.state !== "running";
  }

  // A browser lets a page sound only after a key or a click.
  async wake() {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") await this.context.resume();
    this.onState();
  }

  // Plays samples from one second of them to another; options as of graph().
  play(sound, from, to, options) {
    this.stop();
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().then(this.onState, () => {});
    const nodes = graph(this.context, sound, from, to, options);
    if (!nodes) return;
    const { source } = nodes, playing = { ...nodes, end: to, speed: options.speed, at: this.context.currentTime };
    source.onended = () => {
      if (this.playing === playing) {
        this.playing = null;
        this.onState();
      }
    };
    this.playing = playing;
    source.start();
    this.onState();
  }

  setGain(gain) {
    if (this.playing) this.playing.loudness.gain.value = 10 ** (gain / 20);
  }

  // Where it is playing, seconds of the samples; null where it is silent.
  position() {
    if (!this.playing) return null;
    const { start, end, speed, at } = this.playing;
    return Math.min(end, start + (this.context.currentTime - at) * speed);
  }

  stop() {
    const playing = this.playing;
    this.playing = null;
    if (playing) {
      playing.source.stop();
      this.onState();
    }
  }
}
