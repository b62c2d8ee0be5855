// A sweep's parallel coordinates: a line and its row in the table are marked together; a drag along an axis, or the ranges
// below, keep the lines that pass through; arrow keys go from run to run. Places on an axis are shares from 0 to 1. What was
// chosen stays when the page's moving part is new, and nothing that somebody is filling in is replaced.

const live = document.getElementById("sweep-live");
const said = document.getElementById("parallel-said");
const kept = new Map(); // number of the axis -> [from, to]
let chosen = null; // trial that the keys are at
let drag = null;

const drawings = () => [...live.querySelectorAll("svg.parallel")];
const panel = () => document.getElementById("keep-only"); // there once a run has ended, and then kept
const scales = () => JSON.parse(document.getElementById("parallel-scales")?.textContent ?? "[]");

// A share of an axis as the value that stands there.
function valueAt(scale, share) {
  const at = scale.flipped ? 1 - share : share;
  if (scale.choices.length) return scale.choices[Math.round(at * (scale.choices.length - 1))];
  const value = scale.log ? scale.low * (scale.high / scale.low) ** at : scale.low + at * (scale.high - scale.low);
  return scale.whole ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

const passes = (line) => {
  const shares = line.dataset.shares.split(" ").map(Number);
  return [...kept].every(([axis, [from, to]]) => shares[axis] >= from - 0.001 && shares[axis] <= to + 0.001);
};

function showBrushes(svg) {
  const begin = Number(svg.dataset.begin);
  const span = Number(svg.dataset.end) - begin;
  const [place, size] = svg.classList.contains("is-wide") ? ["y", "height"] : ["x", "width"];
  for (const group of svg.querySelectorAll(".axis")) {
    const [from, to] = kept.get(Number(group.dataset.axis)) ?? [0, 0];
    const ends = [begin + from * span, begin + to * span];
    group.querySelector(".brush").setAttribute(place, Math.min(...ends));
    group.querySelector(".brush").setAttribute(size, Math.abs(ends[1] - ends[0]));
  }
}

function showRanges() {
  const found = scales();
  for (const field of panel()?.querySelectorAll("fieldset") ?? []) {
    const axis = Number(field.dataset.axis);
    const [from, to] = kept.get(axis) ?? [0, 1];
    field.querySelector("[data-end=low]").value = Math.round(100 * from);
    field.querySelector("[data-end=high]").value = Math.round(100 * to);
    if (found[axis]) field.querySelector("output").textContent = `${valueAt(found[axis], from)} … ${valueAt(found[axis], to)}`;
  }
}

function show() {
  for (const svg of drawings()) {
    showBrushes(svg);
    for (const line of svg.querySelectorAll("polyline")) {
      const isOut = kept.size > 0 && !passes(line);
      line.classList.toggle("is-out", isOut);
      live.querySelector(`tr[data-trial="${line.dataset.trial}"]`)?.classList.toggle("is-out", isOut);
    }
  }
  showRanges();
  if (chosen) choose(chosen);
}

function mark(trial) {
  for (const item of live.querySelectorAll("[data-trial]")) item.classList.toggle("is-marked", item.dataset.trial === trial);
}

function choose(trial) {
  chosen = trial;
  mark(trial);
  for (const svg of drawings()) {
    for (const line of svg.querySelectorAll("polyline")) line.setAttribute("aria-selected", String(line.dataset.trial === trial));
    svg.setAttribute("aria-activedescendant", svg.querySelector(`[data-trial="${trial}"]`)?.id ?? "");
  }
}

function move(svg, key) {
  const lines = [...svg.querySelectorAll("polyline:not(.is-out)")].reverse(); // the best first
  if (!lines.length) return;
  const at = lines.findIndex((line) => line.dataset.trial === chosen);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[key];
  const line = lines[Math.min(Math.max(to, 0), lines.length - 1)];
  choose(line.dataset.trial);
  said.textContent = line.getAttribute("aria-label");
}

function shareAt(event, svg) {
  const box = svg.getBoundingClientRect();
  const view = svg.viewBox.baseVal;
  const at = svg.classList.contains("is-wide") ? ((event.clientY - box.top) / box.height) * view.height : ((event.clientX - box.left) / box.width) * view.width;
  const begin = Number(svg.dataset.begin);
  return Math.min(Math.max((at - begin) / (Number(svg.dataset.end) - begin), 0), 1);
}

function keep(axis, from, to) {
  if (from <= 0 && to >= 1) kept.delete(axis);
  else kept.set(axis, [from, to]);
  show();
}

live.addEventListener("pointerdown", (event) => {
  const axis = event.target.closest(".catch")?.closest(".axis");
  if (!axis) return;
  event.preventDefault();
  const svg = axis.closest("svg");
  drag = { axis: Number(axis.dataset.axis), from: shareAt(event, svg), name: svg.id };
});
addEventListener("pointermove", (event) => {
  const svg = drag && document.getElementById(drag.name);
  if (!svg) return;
  const to = shareAt(event, svg);
  kept.set(drag.axis, [Math.min(drag.from, to), Math.max(drag.from, to)]);
  show();
});
addEventListener("pointerup", () => {
  if (!drag) return;
  const [from, to] = kept.get(drag.axis) ?? [0, 0];
  if (to - from < 0.015) kept.delete(drag.axis); // a click lets all lines through again
  drag = null;
  show();
});
live.addEventListener("pointerover", (event) => mark(event.target.closest("[data-trial]")?.dataset.trial ?? chosen));
live.addEventListener("keydown", (event) => {
  const svg = event.target.closest("svg.parallel");
  if (!svg) return;
  if (["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
    event.preventDefault();
    move(svg, event.key);
  }
  const url = svg.querySelector('polyline[aria-selected="true"]')?.dataset.url;
  if (event.key === "Enter" && url) location.assign(url);
});
live.addEventListener("input", (event) => {
  const field = event.target.closest("#keep-only fieldset");
  if (!field) return;
  const [low, high] = ["low", "high"].map((end) => Number(field.querySelector(`[data-end=${end}]`).value) / 100);
  keep(Number(field.dataset.axis), Math.min(low, high), Math.max(low, high));
});
live.addEventListener("click", (event) => {
  if (!event.target.closest("[data-keep-all]")) return;
  kept.clear();
  show();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const isFilledIn = [...live.querySelectorAll("form input")].some((input) => input === document.activeElement || input.value !== input.defaultValue);
  if (event.detail.target === live && (isFilledIn || drag)) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSwap", show);
show();
