// How a model writes, as the form beside the playground says.

const NUMBERS = ["num_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"];

export function sampling() {
  const { elements } = document.getElementById("sampling");
  const found = Object.fromEntries(NUMBERS.map((name) => [name, Number(elements[name].value)]));
  found.stop = elements.stop.value.split("\n").filter((text) => text);
  return found;
}

// The checkpoint that guesses ahead; empty: none, or no choice.
export function draft() {
  return document.getElementById("draft")?.value ?? "";
}

// Who writes: empty for Isocost itself.
export function engine() {
  return document.getElementById("engine")?.value ?? "";
}

// Why an answer ended, and how many of the guesses were right where a small model guessed.
export function ending({ end, acceptance }, words) {
  return acceptance === undefined ? end : `${end} · ${Math.round(acceptance * 100)} % ${words}`;
}

// Count what streams into an element, and how fast.
export class Speed {
  constructor(element, unit) {
    this.element = element;
    this.unit = unit;
    this.count = 0;
    this.began = performance.now();
    element.textContent = "";
  }

  token() {
    this.count += 1;
    this.element.textContent = this.text();
  }

  // An answer that was held back came in one piece: how many tokens it has is said at its end.
  end(why, numTokens = this.count) {
    this.count = numTokens;
    this.element.textContent = `${this.text()} · ${why}`;
  }

  text() {
    const perSecond = (this.count * 1000) / Math.max(performance.now() - this.began, 1);
    return `${this.count} ${this.unit} · ${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;
  }
}
