// Ladders: what the page does besides its charts.

// A form control that is clicked while the page polls must not be taken away under the hand.
document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  if (target?.id === "ladder-live" && target.contains(document.activeElement) && document.activeElement !== document.body) {
    event.detail.shouldSwap = false;
  }
});

// The wizard asks again when a row of its proposal is edited.
document.addEventListener("change", (event) => {
  const form = event.target.closest("#ladder-wizard");
  if (form && event.target.closest("#proposal")) htmx.trigger(form.querySelector("[data-requote]"), "requote");
});
