// The grid: many windows at once, of which one marks the exceptions.
import { thumbnail } from "./spectrogram.js";

export const TILES = 24;
const AROUND_S = 0.5;
const SAID = { yes: "yes", no: "no", unsure: "unsure" };

export class Grid {
  // page: what the grid needs of the page (see review.js).
  constructor(page) {
    this.page = page;
    this.usual = "yes";
    this.tiles = [];
    this.box = document.querySelector("#tiles");
    this.keep = document.querySelector("#keep");
    this.keep.addEventListener("click", () => this.keepAll());
    document.querySelector("#turn").addEventListener("click", () => this.turn());
  }

  // Shows windows, all of one label.
  show(windows) {
    this.box.replaceChildren();
    this.tiles = windows.map((window, i) => {
      const button = document.createElement("button"), canvas = document.createElement("canvas");
      const mark = document.createElement("span");
      button.type = "button";
      button.className = "tile";
      button.append(canvas, mark);
      this.box.append(button);
      const tile = { window, i, button, canvas, mark, verdict: this.usual, unheard: "" };
      button.addEventListener("click", () => {
        this.set(tile, tile.verdict === this.usual ? this.unusual : this.usual);
      });
      button.addEventListener("focus", () => this.page.autoplay() && this.play(tile));
      return tile;
    });
    document.querySelector("#grid-label").textContent = windows[0]?.label ?? "";
    this.update();
    this.load(this.tiles);
    this.tiles[0]?.button.focus({ preventScroll: true });
  }

  get unusual() {
    return this.usual === "yes" ? "no" : "yes";
  }

  async load(tiles) {
    for (const tile of tiles) {
      if (tiles !== this.tiles) return; // others are shown by now
      try {
        const sound = await this.page.sounds.get(tile.window.id, AROUND_S);
        const mark = { start: tile.window.start_s, end: tile.window.end_s };
        if (tiles === this.tiles) thumbnail(tile.canvas, sound, mark, this.page.highestOf(sound), this.page.colours);
      } catch (error) {
        tile.unheard = error.message;
        tile.button.title = error.message;
      }
      this.update();
    }
  }

  async play(tile) {
    const sound = await this.page.sounds.get(tile.window.id, AROUND_S).catch(() => null);
    if (sound && document.activeElement === tile.button) this.page.play(sound, tile.window, 0, sound.seconds);
  }

  set(tile, verdict) {
    if (!tile || tile.unheard) return;
    tile.verdict = verdict;
    this.update();
    this.page.tell(`Window ${tile.i + 1}: ${SAID[verdict]}`);
  }

  // Whether those marked are the wrong ones or the right ones.
  turn() {
    this.usual = this.unusual;
    for (const tile of this.tiles) if (tile.verdict !== "unsure") tile.verdict = tile.verdict === "yes" ? "no" : "yes";
    this.update();
  }

  update() {
    const count = { yes: 0, no: 0, unsure: 0 };
    for (const tile of this.tiles) {
      const said = tile.unheard ? "unheard" : tile.verdict;
      tile.button.dataset.said = said;
      tile.mark.textContent = tile.unheard ? "?" : { yes: "✓", no: "✕", unsure: "?" }[said];
      const place = tile.window.site ? `${tile.window.site}, ` : "";
      tile.button.setAttribute("aria-label", `Window ${tile.i + 1}, ${place}${tile.unheard || SAID[said]}`);
      if (!tile.unheard) count[tile.verdict]++;
    }
    document.querySelector("#grid-not").hidden = this.usual === "no";
    document.querySelector("#turn").textContent = this.usual === "yes" ? "Mark the right ones" : "Mark the wrong ones";
    const parts = [`${count.yes} yes`, `${count.no} no`, ...(count.unsure ? [`${count.unsure} unsure`] : [])];
    this.keep.replaceChildren(`Keep ${parts.join(", ")} `, Object.assign(document.createElement("kbd"), { textContent: "Enter" }));
    this.keep.disabled = !this.tiles.some((tile) => !tile.unheard);
  }

  keepAll() {
    const verdicts = this.tiles.filter((tile) => !tile.unheard).map((tile) => [tile.window, tile.verdict]);
    const unheard = this.tiles.filter((tile) => tile.unheard).map((tile) => tile.window);
    if (verdicts.length || unheard.length) this.page.judgeAll(verdicts, unheard);
  }

  key(event) {
    const at = this.tiles.findIndex((tile) => tile.button === document.activeElement), tile = this.tiles[at];
    const columns = getComputedStyle(this.box).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step) {
      this.tiles[Math.max(0, Math.min(this.tiles.length - 1, (at < 0 ? 0 : at) + (at < 0 ? 0 : step)))]?.button.focus();
    } else if (event.key === "Enter" && (tile || document.activeElement === document.body)) {
      this.keepAll();
    } else if (event.key === " " && tile) {
      this.play(tile);
    } else if (event.key === "x" && tile) {
      this.set(tile, tile.verdict === this.usual ? this.unusual : this.usual);
    } else if (["y", "n", "u"].includes(event.key) && tile) {
      this.set(tile, { y: "yes", n: "no", u: "unsure" }[event.key]);
    } else {
      return false;
    }
    return true;
  }
}
