// What the page tells of how far one has come.

const PACE_MS = 180e3;

// Verdicts a minute, of the last three minutes.
export class Pace {
  constructor() {
    this.times = [];
    this.began = performance.now();
  }

  count(verdicts) {
    const now = performance.now();
    for (let i = 0; i < verdicts; i++) this.times.push(now);
  }

  text() {
    const now = performance.now(), since = Math.max(this.began, now - PACE_MS);
    this.times = this.times.filter((time) => time >= since);
    if (this.times.length < 5) return "";
    return `${Math.round((60e3 * this.times.length) / Math.max(5000, now - since))} a minute`;
  }
}

const whole = new Intl.NumberFormat("en");
const rounded = (value) => whole.format(value < 100 ? Math.round(value) : Number(value.toPrecision(3)));

// "About 1,240 of 34,000 windows have it (980 to 1,530)"
export function estimateText({ label, windows, total, low, high }, named) {
  return `${named ? `${label}: about` : "About"} ${rounded(total)} of ${whole.format(windows)} windows have it (${rounded(low)} to ${rounded(high)}, 90 %)`;
}

// Fills the list of what reviewers judged differently; chosen(at) is called with a window's place.
export function disagreements({ kappa, reviewers, disagreements }, windows, chosen) {
  const agreement = kappa === null ? "" : ` κ = ${kappa.toFixed(2)} (1 is full agreement, 0 as much as chance gives).`;
  const n = disagreements.length, count = n === 0 ? "no window" : n === 1 ? "1 window" : `${n} windows`;
  document.querySelector("#kappa").textContent =
    `${reviewers.join(", ")} disagree on ${count}.${agreement}${n ? " 'soundbeam review --adjudicate' decides them." : ""}`;
  document.querySelector("#disagreements").replaceChildren(
    ...disagreements.map(({ id, said }) => {
      const at = windows.findIndex((window) => window.id === id), item = document.createElement("li");
      const button = document.createElement("button"), window = windows[at];
      button.type = "button";
      const verdicts = Object.entries(said).map(([who, { verdict, other_label }]) => `${who}: ${other_label || verdict}`);
      button.textContent = `${window.recording}, ${window.start_s.toFixed(1)} s – ${verdicts.join(", ")}`;
      button.addEventListener("click", () => chosen(at));
      item.append(button);
      return item;
    }),
  );
}
