// The page of `soundbeam review`: one window at a time or a grid, keys, and what is told.
import { Grid, TILES } from "./grid.js";
import { LabelBox } from "./labels.js";
import { Outbox } from "./outbox.js";
import { disagreements, estimateText, Pace } from "./telling.js";
import { Settings } from "./settings.js";
import { levelling, Player } from "./sound.js";
import { Sounds, Unheard } from "./sounds.js";
import { clock, Picture, readColours } from "./spectrogram.js";

const $ = (selector) => document.querySelector(selector);
const AHEAD = 4; // windows whose sound is fetched before it is asked for
const LEAD_S = 0.5; // playing begins so long before the window
const SAID = { yes: "Yes", no: "No", unsure: "Unsure", other: "Other" };

class Page {
  constructor(state) {
    this.state = state;
    this.windows = state.windows;
    this.colours = readColours(state.colours);
    this.at = 0;
    this.view = "single";
    this.history = []; // what undo takes back: lists of {window, before}
    this.unheard = new Set();
    this.skipped = new Set(state.progress.skip ?? []);
    this.scores = false;
    this.pace = new Pace();
    this.picture = new Picture($("#picture"), this.colours);
    this.player = new Player(() => this.showPlaying());
    this.outbox = new Outbox(state.key, (progress) => this.progressed(progress), (trouble) => this.showTrouble(trouble));
    this.sounds = new Sounds(() => this.outbox.missed());
    this.settings = new Settings(() => this.redraw(), () => this.show(this.at));
    this.names = new LabelBox($("#naming"), $("#name"), $("#names"), (label) => this.judge("other", label), () => {});
    this.grid = new Grid(this);
    for (const { review_id, verdict, other_label, note } of this.outbox.waiting) {
      const window = this.windows.find(({ id }) => id === review_id);
      if (window) window.mine = verdict === "withdrawn" ? null : { verdict, other_label, note };
    }
    this.connect();
    this.progressed(state.progress);
    this.outbox.flush();
    const first = this.windows.findIndex((window) => this.open(window));
    if (first < 0) this.finish();
    else this.show(first);
  }

  connect() {
    for (const verdict of ["yes", "no", "unsure"]) $(`#${verdict}`).addEventListener("click", () => this.judge(verdict));
    const actions = {
      other: () => this.name(), back: () => this.step(-1), next: () => this.step(1), undo: () => this.undo(),
      play: () => this.toggle(), "to-single": () => this.turnTo("single"), "to-grid": () => this.turnTo("grid"),
      "to-help": () => $("#help").showModal(), "to-reviewers": () => this.showReviewers(),
      again: () => this.turnTo("single", 0),
    };
    for (const [id, action] of Object.entries(actions)) $(`#${id}`).addEventListener("click", action);
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", () => this.player.asleep && this.player.wake());
    $("#note").addEventListener("change", () => this.noted());
    $("#picture").addEventListener("click", (event) => this.playFrom(event.offsetX));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth !== width) this.redraw();
      width = innerWidth;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get window() {
    return this.windows[this.at];
  }

  // Whether a window still waits for a verdict.
  open(window) {
    return !window.mine && !this.unheard.has(window.id) && !this.skipped.has(window.id);
  }

  following(count, from = this.at) {
    const order = [...this.windows.slice(from + 1), ...this.windows.slice(0, from + 1)];
    return order.filter((window) => this.open(window)).slice(0, count);
  }

  tell(text) {
    $("#live").textContent = text;
  }

  autoplay() {
    return this.settings.auto;
  }

  highestOf(sound) {
    return this.settings.highest(sound.rate, this.state.highest_hz);
  }

  // ---- one window ----

  async show(at) {
    this.at = at;
    this.player.stop();
    const { window } = this;
    const site = window.recording.split("/").includes(window.site) ? "" : window.site; // else it would be told twice
    const until = clock(window.end_s, 1);
    const place = [site, window.recording, `${clock(window.start_s, 1)} – ${until}${until.includes(":") ? "" : " s"}`];
    $("#label").textContent = window.label;
    $("#meta").replaceChildren(...place.filter(Boolean).map((text) => Object.assign(document.createElement("span"), { textContent: text })));
    $("#meta").title = window.uri;
    this.showSaid();
    const quick = this.quickLabels();
    $("#quick").replaceChildren(...quick.map((label, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(Object.assign(document.createElement("kbd"), { textContent: i + 1 }), ` ${label}`);
      button.setAttribute("aria-pressed", String(window.mine?.other_label === label));
      button.addEventListener("click", () => this.judge("other", label));
      return button;
    }));
    this.sound = null;
    let sound, problem = "";
    const waiting = setTimeout(() => this.sound || this.picture.clear(), 150);
    try {
      sound = await this.sounds.get(window.id, this.settings.context);
    } catch (error) {
      problem = error.message;
      if (error instanceof Unheard) this.unheard.add(window.id);
    }
    clearTimeout(waiting);
    if (window !== this.window) return;
    $("#unheard").hidden = !problem;
    $("#unheard").textContent = problem && `${problem[0].toUpperCase()}${problem.slice(1)}. → goes on.`;
    if (problem) return this.picture.clear();
    this.unheard.delete(window.id);
    this.sound = sound;
    this.settings.offer(sound.rate, this.state.highest_hz);
    this.redraw();
    if (this.settings.auto && this.view === "single") this.playWindow(LEAD_S);
    for (const { id } of this.following(AHEAD)) await this.sounds.get(id, this.settings.context).catch(() => {});
  }

  showSaid() {
    const { window } = this, { mine } = window;
    for (const verdict of Object.keys(SAID)) {
      $(`#${verdict}`).setAttribute("aria-pressed", String(mine?.verdict === verdict));
    }
    const parts = Object.entries(window.others).map(([who, said]) => `${who}: ${said.other_label || said.verdict}${said.note ? ` (${said.note})` : ""}`);
    if (mine) parts.unshift(`You said ${mine.other_label || mine.verdict}`);
    if (this.scores) parts.push(window.score == null ? "no score" : `Score ${window.score.toFixed(3)}`);
    $("#said").hidden = !parts.length;
    $("#said").textContent = parts.join(" · ");
    $("#note").value = mine?.note ?? window.draft ?? "";
    $("#picture").setAttribute("aria-label", `Spectrogram of window ${this.at + 1} of ${this.windows.length}, ${clock(window.start_s, 1)} to ${clock(window.end_s, 1)}`);
  }

  redraw() {
    if (this.view !== "single" || !this.sound) return;
    const mark = { start: this.window.start_s, end: this.window.end_s };
    this.picture.draw(this.sound, mark, this.highestOf(this.sound), this.settings.band);
    this.player.setGain(this.gainOf(this.sound, this.window));
  }

  gainOf(sound, window) {
    if (!this.settings.level) return this.settings.gain;
    const [from, to] = [window.start_s, window.end_s].map((s) => Math.max(0, Math.round((s - sound.start) * sound.rate)));
    sound.levelling ??= levelling(sound.samples.subarray(from, to));
    return this.settings.gain + sound.levelling;
  }

  play(sound, window, from, to) {
    const { speed, band } = this.settings;
    this.player.play(sound, from, to, { speed, band, gain: this.gainOf(sound, window) });
  }

  playWindow(around) {
    if (!this.sound) return;
    const { start, seconds } = this.sound;
    this.play(this.sound, this.window, Math.max(0, this.window.start_s - around - start), Math.min(seconds, this.window.end_s + around - start));
  }

  playFrom(x) {
    const { shown } = this.picture;
    if (!shown || !this.sound) return;
    const from = ((x - shown.left) / shown.width) * shown.seconds;
    if (from >= 0 && from < shown.seconds) this.play(this.sound, this.window, from, shown.seconds);
  }

  toggle() {
    if (this.player.playing) this.player.stop();
    else this.playWindow(Infinity);
  }

  showPlaying() {
    $("#asleep").hidden = !this.player.asleep || !this.sound || !this.settings.auto || this.view !== "single";
    $("#play").replaceChildren(this.player.playing ? "Stop " : "Play ", Object.assign(document.createElement("kbd"), { textContent: "space" }));
    const cursor = $("#cursor"), { shown } = this.picture;
    const move = () => {
      const second = this.view === "single" ? this.player.position() : null;
      cursor.hidden = second === null || !shown;
      if (cursor.hidden) return;
      cursor.style.transform = `translateX(${shown.left + (second / shown.seconds) * shown.width}px)`;
      cursor.style.top = `${shown.top}px`;
      cursor.style.height = `${shown.height}px`;
      this.moving = requestAnimationFrame(move);
    };
    cancelAnimationFrame(this.moving);
    this.moving = requestAnimationFrame(move);
  }

  // ---- verdicts ----

  judge(verdict, other_label = "") {
    if (this.view !== "single") return;
    const { window } = this;
    if (!this.sound || this.unheard.has(window.id)) return this.tell("There is nothing to hear, so there is nothing to judge");
    this.put([[window, { verdict, other_label, note: $("#note").value.trim() }]]);
    const next = this.following(1)[0];
    const said = other_label || SAID[verdict];
    if (!next) return this.finish(said);
    this.tell(`${said}. Window ${this.windows.indexOf(next) + 1} of ${this.windows.length}`);
    this.show(this.windows.indexOf(next));
  }

  judgeAll(verdicts, unheard) {
    for (const window of unheard) this.unheard.add(window.id);
    this.put(verdicts.map(([window, verdict]) => [window, { verdict, other_label: "", note: window.mine?.note ?? "" }]));
    this.tell(`${verdicts.length} verdicts kept`);
    this.turnTo("grid");
  }

  // Keeps verdicts; null takes one back.
  put(said, undoing = false) {
    if (!said.length) return;
    if (!undoing) this.history.push(said.map(([window]) => ({ window, before: window.mine })));
    for (const [window, mine] of said) {
      window.mine = mine;
      if (mine?.other_label && !this.state.used.includes(mine.other_label)) this.state.used.push(mine.other_label);
    }
    if (!undoing) this.pace.count(said.length);
    this.showCount();
    this.outbox.add(said.map(([{ id }, mine]) => ({ review_id: id, ...(mine ?? { verdict: "withdrawn" }) })));
  }

  undo() {
    const last = this.history.pop();
    if (!last) return this.tell("There is nothing to take back");
    this.put(last.map(({ window, before }) => [window, before]), true);
    this.tell(`Taken back: ${last.length > 1 ? `${last.length} verdicts` : "the last verdict"}`);
    this.turnTo(last.length > 1 ? "grid" : "single", this.windows.indexOf(last[0].window));
  }

  noted() {
    const { window } = this, note = $("#note").value.trim();
    window.draft = note;
    if (window.mine && window.mine.note !== note) this.put([[window, { ...window.mine, note }]]);
  }

  name() {
    const { label, mine } = this.window;
    this.names.open(this.otherLabels().filter((name) => name !== label), mine?.other_label ?? "");
  }

  otherLabels() {
    return [...new Set([...this.state.used, ...this.state.labels])];
  }

  quickLabels() {
    return this.otherLabels().filter((label) => label !== this.window.label).slice(0, 9);
  }

  step(by) {
    const at = this.at + by;
    if (at >= 0 && at < this.windows.length) this.turnTo("single", at);
    else if (by > 0) this.finish();
  }

  turnTo(view, at = this.at) {
    this.player.stop();
    this.names.close();
    const next = view === "grid" ? this.following(TILES, at - 1) : [];
    this.view = view;
    $("#done").hidden = true;
    $("#single").hidden = view !== "single";
    $("#grid").hidden = view !== "grid";
    $("#to-single").setAttribute("aria-pressed", String(view === "single"));
    $("#to-grid").setAttribute("aria-pressed", String(view === "grid"));
    if (view === "single") return this.show(at);
    if (!next.length) return this.finish();
    this.grid.show(next.filter(({ label }) => label === next[0].label));
    this.at = this.windows.indexOf(next[0]);
  }

  finish(said = "") {
    this.player.stop();
    this.view = "done";
    for (const section of ["single", "grid"]) $(`#${section}`).hidden = true;
    $("#done").hidden = false;
    const left = this.windows.filter((window) => this.unheard.has(window.id) && !window.mine).length;
    $("#done-head").textContent = left ? `All but ${left} are judged` : "All windows are judged";
    $("#done-text").textContent = left ? `The recordings of ${left} are gone, changed or damaged.` : "Every verdict is kept. You may close this page.";
    this.tell(`${said} ${$("#done-head").textContent}`.trim());
  }

  // ---- what is told ----

  progressed(progress) {
    if (!progress) return;
    this.state.progress = progress;
    this.skipped = new Set(progress.skip ?? []);
    $("#to-reviewers").hidden = progress.reviewers.length < 2;
    $("#estimate").textContent = progress.estimates.map((e) => estimateText(e, progress.estimates.length > 1)).join(" · ");
    this.showCount();
  }

  showCount() {
    const judged = this.windows.filter((window) => window.mine).length, all = this.windows.length;
    const skipped = this.windows.filter((window) => !window.mine && this.skipped.has(window.id)).length;
    const waiting = this.outbox.memory.size;
    $("#count").textContent = `${judged} of ${all}${skipped ? `, ${skipped} not needed` : ""}${waiting > 1 ? `, ${waiting} on their way` : ""}`;
    $("#pace").textContent = this.pace.text();
    $("#bar").setAttribute("aria-valuenow", judged + skipped);
    $("#bar").setAttribute("aria-valuemax", all);
    $("#bar i").style.width = `${all ? (100 * (judged + skipped)) / all : 100}%`;
    $("#undo").disabled = !this.history.length;
  }

  showTrouble(trouble) {
    const before = this.trouble;
    this.trouble = trouble?.kind === "dropped" ? null : trouble;
    const n = this.outbox.memory.size, wait = n ? ` ${n === 1 ? "1 verdict waits" : `${n} verdicts wait`} in this browser.` : "";
    const texts = {
      gone: `The server is gone. Start it again with 'soundbeam review' and open the address that it prints.${wait}`,
      refused: `The server cannot write (${trouble?.reason}). It is tried again.${wait}`,
      dropped: `A verdict could not be kept: ${trouble?.reason}`,
    };
    $("#alarm").hidden = !trouble;
    $("#alarm").textContent = texts[trouble?.kind] ?? "";
    this.showCount();
    if (before && !trouble && !this.sound && this.view === "single") this.show(this.at); // it was not heard
  }

  showReviewers() {
    disagreements(this.state.progress, this.windows, (at) => {
      $("#reviewers").close();
      this.turnTo("single", at);
    });
    $("#reviewers").showModal();
  }

  // ---- keys ----

  key(event) {
    if (this.player.asleep) this.player.wake();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    const { target, key } = event, kind = target.matches("input, select, textarea") ? target.type : "";
    if (["text", "number"].includes(kind)) {
      if (key === "Enter" || key === "Escape") target.blur();
      return;
    }
    const own = { range: /^(Arrow|Home|End|Page)/, "select-one": /^(Arrow|Home|End|Page| |Enter|.$)/, checkbox: /^ $/ }[kind];
    if (own?.test(key)) return;
    if (target.closest("button:not(.tile)") && (key === " " || key === "Enter")) return;
    if (this.act(key, event)) event.preventDefault();
  }

  act(key, event) {
    const common = {
      "?": () => $("#help").showModal(), g: () => this.turnTo(this.view === "grid" ? "single" : "grid"), Backspace: () => this.undo(),
      d: () => this.state.progress.reviewers.length > 1 && this.showReviewers(),
    };
    if (common[key]) return common[key](), true;
    if (this.view === "grid") return this.grid.key(event);
    if (this.view === "done") return key === "ArrowLeft" && (this.turnTo("single", this.windows.length - 1), true);
    if (/^[1-9]$/.test(key)) {
      const label = this.quickLabels()[key - 1];
      return label !== undefined && (this.judge("other", label), true);
    }
    const action = {
      y: () => this.judge("yes"), n: () => this.judge("no"), u: () => this.judge("unsure"), o: () => this.name(),
      c: () => $("#note").focus(), " ": () => this.toggle(), w: () => this.playWindow(0),
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      s: () => ((this.scores = !this.scores), this.showSaid()),
      ...this.settings.keys(() => this.player.playing && this.playWindow(LEAD_S)),
    }[key];
    return Boolean(action) && (action(), true);
  }
}

async function start() {
  history.replaceState(null, "", "/"); // the token is in the cookie now, and need not be seen
  const answer = await fetch("/state").catch(() => null);
  if (!answer?.ok) {
    $("#alarm").hidden = false;
    $("#alarm").textContent = "The server is gone. Start it again with 'soundbeam review' and open the address that it prints.";
    return;
  }
  const state = await answer.json();
  $("#where").textContent = `${state.reviewer}${state.adjudicate ? " · what reviewers judged differently" : ""}`;
  $("#where").title = state.output;
  $("#notices").hidden = !state.notices.length;
  $("#notices").textContent = state.notices.join(". ");
  document.title = `Review · ${state.output}`;
  globalThis.page = new Page(state);
}

start();
