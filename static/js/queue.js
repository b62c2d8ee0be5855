// The queue page looks again every few seconds, but never moves a row from under the pointer or the keyboard.
const LONGEST_PAUSE_MS = 15_000;
let swappedAt = Date.now();

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (!part.matches?.("[data-quiet]")) return;
  const busy = part.querySelector("tbody tr:hover, select:focus, button:focus-visible, dialog[open]");
  if (document.hidden || (busy && Date.now() - swappedAt < LONGEST_PAUSE_MS)) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", () => {
  swappedAt = Date.now();
});
