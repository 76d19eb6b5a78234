// The sound of windows, fetched once and kept while it may be needed; the next ones before they are asked for.
import { readWav } from "./sound.js";

const KEPT_BYTES = 300e6;

// What happened to a window's recording.
export class Unheard extends Error {}

export class Sounds {
  // missed() is called where the server does not answer.
  constructor(missed) {
    this.missed = missed;
    this.kept = new Map();
  }

  // The sound of a window with so many seconds around it: samples, rate, seconds, and start in the recording.
  get(id, context) {
    const key = `${id}|${context}`;
    let sound = this.kept.get(key);
    if (sound) this.kept.delete(key);
    else {
      sound = this.fetch(id, context);
      sound.then((heard) => (sound.bytes = heard.samples.byteLength), () => this.kept.delete(key));
    }
    this.kept.set(key, sound); // the newest last
    this.dropOldest();
    return sound;
  }

  async fetch(id, context) {
    let answer;
    try {
      answer = await fetch(`/sound/${encodeURIComponent(id)}?context=${context}`);
    } catch {
      this.missed();
      throw new Error("the server does not answer");
    }
    if (answer.status === 403) {
      this.missed();
      throw new Error("the server is another one");
    }
    if (!answer.ok) {
      const { reason = "this window cannot be heard" } = await answer.json().catch(() => ({}));
      throw new Unheard(reason);
    }
    return { id, context, start: Number(answer.headers.get("X-Start-Seconds")), ...readWav(await answer.arrayBuffer()) };
  }

  dropOldest() {
    let bytes = 0;
    for (const [key, sound] of [...this.kept].reverse()) {
      bytes += sound.bytes ?? 0;
      if (bytes > KEPT_BYTES) this.kept.delete(key);
    }
  }
}
