// Spectrograms, and their drawing with axes.

// A Fourier transform of `size` complex numbers in place; size is a power of two.
function transform(size) {
  const cos = new Float32Array(size / 2), sin = new Float32Array(size / 2), order = new Uint32Array(size);
  for (let i = 0; i < size / 2; i++) {
    cos[i] = Math.cos((2 * Math.PI * i) / size);
    sin[i] = Math.sin((2 * Math.PI * i) / size);
  }
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    order[i] = j ^= bit;
  }
  return (re, im) => {
    for (let i = 0; i < size; i++) {
      const j = order[i];
      if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let from = 0; from < size; from += 2 * half) {
        for (let k = 0, a = from, b = from + half; k < half; k++, a++, b++) {
          const c = cos[k * step], s = sin[k * step];
          const x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
  };
}

// Decibels as rows of `width`, the highest frequency first: Hann frames, each column the mean of those in it.
// A frame is 25 ms where 12 kHz are shown, shorter for bats and longer for infrasound.
export function spectrogram({ samples, rate }, highest, width, height) {
  const frame = 2 ** Math.max(5, Math.round(Math.log2(0.025 * Math.sqrt(12000 / highest) * rate)));
  const size = 2 * frame, fft = transform(size), hann = new Float32Array(frame);
  for (let i = 0; i < frame; i++) hann[i] = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frame);
  const hop = samples.length / width, each = Math.max(1, Math.min(8, Math.ceil(hop / frame)));
  const bins = (highest * size) / rate, kept = Math.min(size / 2, Math.ceil(bins) + 1);
  const power = Array.from({ length: width }, () => new Float32Array(kept + 1));
  const frames = [];
  for (let x = 0; x < width; x++) {
    for (let k = 0; k < each; k++) frames.push([x, Math.round(hop * (x + (k + 0.5) / each) - frame / 2)]);
  }
  const re = new Float32Array(size), im = new Float32Array(size);
  const load = (into, start) => {
    into.fill(0);
    for (let i = Math.max(0, -start); i < frame && start + i < samples.length; i++) into[i] = samples[start + i] * hann[i];
  };
  for (let i = 0; i < frames.length; i += 2) { // two real frames in one complex transform
    const [one, two] = [frames[i], frames[i + 1] ?? frames[i]];
    load(re, one[1]);
    load(im, two[1]);
    fft(re, im);
    const a = power[one[0]], b = power[two[0]];
    for (let k = 0; k <= kept; k++) {
      const m = (size - k) % size;
      const ar = re[k] + re[m], ai = im[k] - im[m], br = im[k] + im[m], bi = re[m] - re[k];
      a[k] += ar * ar + ai * ai;
      if (frames[i + 1]) b[k] += br * br + bi * bi;
    }
  }
  const decibels = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const at = Math.min(kept, ((height - 0.5 - y) / height) * bins), low = Math.floor(at), share = at - low;
    const up = Math.min(kept, low + 1);
    for (let x = 0; x < width; x++) {
      const value = power[x][low] * (1 - share) + power[x][up] * share;
      decibels[y * width + x] = 10 * Math.log10(value + 1e-12);
    }
  }
  return decibels;
}

// The picture of decibels: dark is what is there most of the time, bright the loudest thousandth.
function image(decibels, width, height, colours) {
  const some = decibels.filter((_, i) => i % 7 === 0).sort();
  const low = some[Math.floor(some.length * 0.6)], high = Math.max(low + 30, some[Math.floor(some.length * 0.999)]);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < decibels.length; i++) {
    const colour = 3 * Math.max(0, Math.min(255, Math.round(12 + (243 * (decibels[i] - low)) / (high - low))));
    pixels.data[4 * i] = colours[colour];
    pixels.data[4 * i + 1] = colours[colour + 1];
    pixels.data[4 * i + 2] = colours[colour + 2];
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

export function readColours(hex) {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

// Round steps of an axis: about `wanted` of them up to `length`.
export function stepOf(length, wanted) {
  const rough = length / Math.max(1, wanted), power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= rough * 0.999);
}

// Seconds of a recording as people write them: 12.5, 3:05, 1:02:03.
export function clock(seconds, digits = 0) {
  const fixed = (value, width) => value.toFixed(digits).padStart(digits ? width + 1 + digits : width, "0");
  const rounded = Number(seconds.toFixed(digits));
  if (rounded < 60) return rounded.toFixed(digits);
  const minutes = Math.floor(rounded / 60), rest = fixed(rounded - 60 * minutes, 2);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export class Picture {
  constructor(canvas, colours) {
    this.canvas = canvas;
    this.colours = colours;
    this.kept = null;
  }

  // The plot's own box within the canvas, in CSS pixels.
  box() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const left = 46, bottom = 34, top = 24, right = 14;
    return { left, top, width: Math.max(40, width - left - right), height: Math.max(40, height - top - bottom) };
  }

  // sound: samples and where they start in the recording; mark: the window's start and end there, seconds.
  draw(sound, mark, highest, band) {
    const ratio = window.devicePixelRatio || 1, { canvas } = this, box = this.box();
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
    const key = [sound.id, sound.context, highest, width, height].join();
    if (this.kept?.key !== key) {
      this.kept = { key, pixels: image(spectrogram(sound, highest, width, height), width, height, this.colours) };
    }
    pen.putImageData(this.kept.pixels, Math.round(box.left * ratio), Math.round(box.top * ratio));
    pen.scale(ratio, ratio);
    this.shown = { ...box, start: sound.start, seconds: sound.seconds, highest };
    const x = (second) => box.left + ((second - sound.start) / sound.seconds) * box.width;
    const y = (hz) => box.top + (1 - hz / highest) * box.height;
    const style = getComputedStyle(canvas);
    const ink = style.getPropertyValue("--ink"), faint = style.getPropertyValue("--faint");
    const accent = style.getPropertyValue("--accent");
    this.shade(pen, box, x(mark.start), x(mark.end), band && { low: y(band.low), high: y(band.high) });
    pen.fillStyle = accent;
    const [from, to] = [Math.max(box.left, x(mark.start)), Math.min(box.left + box.width, x(mark.end))];
    pen.fillRect(from, box.top - 7, to - from, 3);
    pen.font = `12px ${style.fontFamily}`;
    pen.fillStyle = faint;
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    const stepHz = stepOf(highest, box.height / 48);
    for (let hz = 0; hz <= highest * 1.0001; hz += stepHz) {
      const at = Math.round(y(hz)) + 0.5;
      pen.fillRect(box.left - 5, at - 0.5, 5, 1);
      pen.fillText(Number((hz / 1000).toPrecision(4)).toString(), box.left - 9, at);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const step = stepOf(sound.seconds, box.width / 80), digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    for (let k = Math.ceil(sound.start / step - 1e-6); k * step <= sound.start + sound.seconds + 1e-6; k++) {
      const at = Math.round(x(k * step)) + 0.5;
      pen.fillRect(at - 0.5, box.top + box.height, 1, 5);
      if (at < box.left + box.width - 26) pen.fillText(clock(k * step, digits), at, box.top + box.height + 9);
    }
    pen.fillStyle = ink;
    pen.textAlign = "right";
    pen.fillText(sound.start + sound.seconds < 60 ? "s" : "time", box.left + box.width, box.top + box.height + 9);
    pen.textBaseline = "alphabetic";
    pen.fillText("kHz", box.left - 9, box.top - 11);
  }

  // What is around the window is dimmed, and what is outside of the band.
  shade(pen, box, from, to, band) {
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.width, box.height);
    pen.clip();
    pen.fillStyle = "rgb(10 12 16 / 38%)";
    pen.fillRect(box.left, box.top, from - box.left, box.height);
    pen.fillRect(to, box.top, box.left + box.width - to, box.height);
    pen.fillStyle = "rgb(255 255 255 / 85%)";
    for (const at of [from, to]) pen.fillRect(Math.round(at) - 0.5, box.top, 1, box.height);
    if (band) {
      pen.fillStyle = "rgb(10 12 16 / 60%)";
      pen.fillRect(box.left, box.top, box.width, band.high - box.top);
      pen.fillRect(box.left, band.low, box.width, box.top + box.height - band.low);
    }
    pen.restore();
  }

  clear() {
    this.shown = null;
    const { canvas } = this;
    canvas.width = Math.max(1, canvas.clientWidth);
    canvas.height = Math.max(1, canvas.clientHeight);
  }
}

// A picture without axes, for the grid. It ends up in the canvas's own size.
export function thumbnail(canvas, sound, mark, highest, colours) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.putImageData(image(spectrogram(sound, highest, width, height), width, height, colours), 0, 0);
  pen.fillStyle = "rgb(255 255 255 / 40%)";
  for (const second of [mark.start, mark.end]) {
    const x = ((second - sound.start) / sound.seconds) * width;
    if (x > 2 && x < width - 2) pen.fillRect(Math.round(x), 0, ratio, height);
  }
}
