// The prompt: Ctrl + Enter asks what the models are foremost for, and an earlier prompt can be used again.

export function mount(page) {
  const prompt = document.getElementById("prompt");
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const card = prompt.closest("section");
    for (const button of card.querySelectorAll("button.primary:not([hidden], [disabled])")) button.click();
  });
  document.addEventListener("click", (event) => {
    const reuse = event.target.closest("[data-reuse]");
    if (reuse) prompt.value = reuse.dataset.reuse;
  });
}
