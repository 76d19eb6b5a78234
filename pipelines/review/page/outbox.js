// Verdicts on their way to the server. Each is kept in the browser until the server says that it is written: neither a
// crash of the browser nor one of the server loses any.

const RETRY_MS = 1500, AT_ONCE = 50;

export class Outbox {
  // key: whose verdicts they are, and of which output; told({progress}) after each writing, troubled(trouble) when
  // something is wrong ({kind: "gone" | "refused" | "dropped", reason}) or right again (null).
  constructor(key, told, troubled) {
    this.prefix = `soundbeam-review:${key}:`;
    this.told = told;
    this.troubled = troubled;
    this.memory = new Map();
    this.counter = 0;
    this.sending = false;
    this.gone = false;
    for (const [name, text] of this.stored()) this.memory.set(name, JSON.parse(text));
  }

  stored() {
    try {
      return Object.entries(localStorage).filter(([name]) => name.startsWith(this.prefix)).sort();
    } catch {
      return []; // this browser keeps nothing: then verdicts are in memory only until they are written
    }
  }

  get waiting() {
    return [...this.memory.values()];
  }

  add(verdicts) {
    for (const verdict of verdicts) {
      const name = `${this.prefix}${String(Date.now()).padStart(15, "0")}-${String(this.counter++).padStart(6, "0")}`;
      this.memory.set(name, verdict);
      try {
        localStorage.setItem(name, JSON.stringify(verdict));
      } catch {} // full or forbidden
    }
    return this.flush();
  }

  done(names) {
    for (const name of names) {
      this.memory.delete(name);
      try {
        localStorage.removeItem(name);
      } catch {}
    }
  }

  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.memory.size) {
        const batch = [...this.memory].slice(0, AT_ONCE);
        if (!(await this.send(batch))) return;
      }
    } finally {
      this.sending = false;
    }
  }

  async send(batch) {
    let answer;
    try {
      answer = await fetch("/verdicts", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ verdicts: batch.map(([, verdict]) => verdict) }),
      });
    } catch {
      return this.later({ kind: "gone" });
    }
    if (answer.ok) {
      this.done(batch.map(([name]) => name));
      this.gone = false;
      this.troubled(null);
      this.told(await answer.json().catch(() => null));
      return true;
    }
    if (answer.status === 403) return this.later({ kind: "gone" }); // another server than the one that was open here
    const { reason = `it answers ${answer.status}` } = await answer.json().catch(() => ({}));
    if (answer.status !== 422) return this.later({ kind: "refused", reason });
    if (batch.length > 1) {
      for (const one of batch) if (!(await this.send([one]))) return false;
      return true;
    }
    this.done([batch[0][0]]);
    this.troubled({ kind: "dropped", reason });
    return true;
  }

  later(trouble) {
    this.gone = trouble.kind === "gone";
    this.troubled(trouble);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), RETRY_MS);
    return false;
  }

  // The server did not answer: asks until it does.
  missed() {
    if (!this.gone) this.later({ kind: "gone" });
  }

  async check() {
    if (this.memory.size) return this.flush();
    try {
      const answer = await fetch("/", { method: "HEAD" });
      if (!answer.ok) throw new Error();
    } catch {
      return this.later({ kind: "gone" });
    }
    this.gone = false;
    this.troubled(null);
  }
}
