// How windows are heard and seen; kept in the browser from one sitting to the next.

const $ = (selector) => document.querySelector(selector);
const KEPT = "soundbeam-review-settings";
const CONTROLS = ["gain", "level", "speed", "context", "band", "low", "high", "auto"];

export class Settings {
  // changed(): to be drawn anew; refetch(): there is more or less of it.
  constructor(changed, refetch) {
    this.changed = changed;
    this.all = false; // frequencies beyond those that the classifier hears
    this.restore();
    for (const id of CONTROLS) {
      $(`#${id}`).addEventListener("input", () => this.apply(id === "context" ? refetch : changed));
    }
    $("#highest").addEventListener("input", () => {
      this.all = $("#highest").value === "all";
      this.apply(changed);
    });
    for (const select of document.querySelectorAll(".tools select")) {
      select.addEventListener("change", () => select.blur()); // so that the next letter is a verdict
    }
    this.refetch = refetch;
    this.tell();
  }

  restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEPT)) ?? {};
      this.all = kept.all === true;
      for (const id of CONTROLS) {
        const control = $(`#${id}`);
        if (!(id in kept)) continue;
        if (control.type === "checkbox") control.checked = kept[id] === true;
        else if (!control.options || [...control.options].some(({ value }) => value === kept[id])) control.value = kept[id];
      }
    } catch {} // nothing is kept, or not by this page
  }

  apply(then) {
    const values = Object.fromEntries(CONTROLS.map((id) => [id, $(`#${id}`).type === "checkbox" ? $(`#${id}`).checked : $(`#${id}`).value]));
    try {
      localStorage.setItem(KEPT, JSON.stringify({ ...values, all: this.all }));
    } catch {}
    this.tell();
    then();
  }

  tell() {
    $("#gain-told").textContent = `${this.gain > 0 ? "+" : ""}${this.gain} dB`;
    for (const label of document.querySelectorAll(".of-band")) label.hidden = !$("#band").checked;
  }

  get gain() { return Number($("#gain").value); }
  get level() { return $("#level").checked; }
  get speed() { return Number($("#speed").value); }
  get context() { return Number($("#context").value); }
  get auto() { return $("#auto").checked; }

  get band() {
    const low = 1000 * Number($("#low").value), high = 1000 * Number($("#high").value);
    return $("#band").checked && high > low ? { low, high } : null;
  }

  // The highest frequency that is shown: half of the classifier's rate, or all that the recording has.
  highest(rate, heard) {
    return this.all ? rate / 2 : Math.min(rate / 2, heard);
  }

  offer(rate, heard) {
    const kilo = (hz) => `${Number((hz / 1000).toPrecision(4))} kHz`;
    const choices = heard < rate / 2 ? [["heard", heard], ["all", rate / 2]] : [["all", rate / 2]];
    $("#highest").replaceChildren(...choices.map(([value, hz]) => new Option(kilo(hz), value)));
    $("#highest").value = this.all || choices.length === 1 ? "all" : "heard";
  }

  move(id, by) {
    const select = $(`#${id}`);
    const index = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + by));
    if (index === select.selectedIndex) return false;
    select.selectedIndex = index;
    return true;
  }

  // What keys do; replay(): what is playing is to be heard as it is set now.
  keys(replay) {
    const louder = (by) => {
      $("#gain").value = this.gain + by;
      this.apply(this.changed);
    };
    const faster = (by) => this.move("speed", by) && (this.apply(this.changed), replay());
    const wider = (by) => this.move("context", by) && this.apply(this.refetch);
    return {
      ArrowUp: () => louder(3), ArrowDown: () => louder(-3), ",": () => faster(-1), ".": () => faster(1),
      "-": () => wider(1), "+": () => wider(-1), "=": () => wider(-1),
      f: () => {
        this.all = !this.all;
        if ($("#highest").options.length > 1) $("#highest").value = this.all ? "all" : "heard";
        this.apply(this.changed);
      },
      b: () => {
        $("#band").checked = !$("#band").checked;
        this.apply(this.changed);
        replay();
      },
    };
  }
}
