// The box in which another label is named, with completion.

const SHOWN = 8;

// What is offered for some letters: labels that begin so, then those with a word that does, then those that hold them.
export function matches(labels, text) {
  const wanted = text.trim().toLocaleLowerCase();
  const place = (label) => {
    const at = label.toLocaleLowerCase().indexOf(wanted);
    if (at <= 0) return at;
    return /[\s_-]/.test(label[at - 1]) ? 1 : 2;
  };
  const found = labels.map((label, i) => [place(label), i, label]).filter(([where]) => where >= 0);
  return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]).slice(0, SHOWN).map(([, , label]) => label);
}

export class LabelBox {
  // taken(label) is called with what was chosen or typed; closed() when the box is left.
  constructor(box, input, list, taken, closed) {
    Object.assign(this, { box, input, list, taken, closed, labels: [], chosen: -1 });
    input.addEventListener("input", () => this.offer());
    input.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      event.preventDefault();
      if (option) this.take(option.textContent);
    });
  }

  open(labels, text = "") {
    this.labels = labels;
    this.box.hidden = false;
    this.input.value = text;
    this.offer();
    this.input.focus();
    this.input.select();
  }

  close() {
    if (this.box.hidden) return;
    this.box.hidden = true;
    this.input.blur();
    this.closed();
  }

  offer() {
    this.chosen = -1;
    this.list.replaceChildren(
      ...matches(this.labels, this.input.value).map((label, i) => {
        const option = document.createElement("li");
        option.id = `name-${i}`;
        option.setAttribute("role", "option");
        option.textContent = label;
        return option;
      }),
    );
    this.input.setAttribute("aria-expanded", String(this.list.children.length > 0));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === this.chosen)));
    const option = this.list.children[this.chosen];
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const options = [...this.list.children].map((option) => option.textContent);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.chosen = Math.max(-1, Math.min(options.length - 1, this.chosen + step));
      this.mark();
    } else if (event.key === "Tab" && options.length && options[Math.max(0, this.chosen)] !== this.input.value) {
      this.input.value = options[Math.max(0, this.chosen)];
      this.offer();
    } else if (event.key === "Enter" && !event.isComposing) {
      this.take(options[this.chosen] ?? this.input.value);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  take(label) {
    const named = label.trim();
    this.close();
    if (named) this.taken(named);
  }
}
