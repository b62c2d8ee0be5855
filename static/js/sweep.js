// A sweep's parallel coordinates: a line and its row in the table are marked together; a drag along an axis keeps the
// lines that pass through it. What was chosen stays when the page's moving part is new.

const live = document.getElementById("sweep-live");
const kept = new Map(); // axis -> [top, bottom] in the drawing's units
let drag = null;

const drawing = () => live.querySelector("svg.parallel");

function heightAt(event) {
  const svg = drawing();
  const box = svg.getBoundingClientRect();
  const y = ((event.clientY - box.top) / box.height) * svg.viewBox.baseVal.height;
  return Math.min(Math.max(y, Number(svg.dataset.top)), Number(svg.dataset.bottom));
}

function passes(line) {
  const heights = new Map([...line.points].map((point) => [String(Math.round(point.x)), point.y]));
  return [...kept].every(([axis, [top, bottom]]) => heights.get(axis) >= top - 0.5 && heights.get(axis) <= bottom + 0.5);
}

function show() {
  const svg = drawing();
  if (!svg) return;
  for (const group of svg.querySelectorAll(".axis")) {
    const [top, bottom] = kept.get(group.dataset.axis) ?? [0, 0];
    const brush = group.querySelector(".brush");
    brush.setAttribute("y", top);
    brush.setAttribute("height", bottom - top);
  }
  for (const line of svg.querySelectorAll("polyline")) {
    const isOut = kept.size > 0 && !passes(line);
    line.classList.toggle("is-out", isOut);
    live.querySelector(`tr[data-trial="${line.dataset.trial}"]`)?.classList.toggle("is-out", isOut);
  }
}

function mark(trial) {
  for (const item of live.querySelectorAll("[data-trial]")) item.classList.toggle("is-marked", item.dataset.trial === trial);
}

live.addEventListener("pointerdown", (event) => {
  const axis = event.target.closest(".catch")?.closest(".axis");
  if (!axis) return;
  event.preventDefault();
  drag = { axis: axis.dataset.axis, from: heightAt(event) };
});
addEventListener("pointermove", (event) => {
  if (!drag || !drawing()) return;
  const to = heightAt(event);
  kept.set(drag.axis, [Math.min(drag.from, to), Math.max(drag.from, to)]);
  show();
});
addEventListener("pointerup", () => {
  if (!drag) return;
  const [top, bottom] = kept.get(drag.axis) ?? [0, 0];
  if (bottom - top < 4) kept.delete(drag.axis); // a click lets all lines through again
  drag = null;
  show();
});
live.addEventListener("pointerover", (event) => mark(event.target.closest("[data-trial]")?.dataset.trial));
document.addEventListener("htmx:afterSwap", show);
