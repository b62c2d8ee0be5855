// The labels of the prompt, the parts of it that the model marks, and which of its lines are like the first.

import { labelTable, markedText, similarLines } from "../labels.js";

export function mount(page) {
  document.getElementById("predict").addEventListener("click", () => {
    for (const side of page.sidesThat("predict")) predict(page, side);
  });
}

function predict(page, side) {
  const prompt = page.prompt;
  const output = side.querySelector(".output");
  output.replaceChildren();
  page.ask(side, "predict", { prompt }, (message) => {
    if (message.event === "error") return page.showError(side, message);
    const { labels, spans, similar, vector, read } = message.result; // read: the prompt as the guard rails let it through
    output.replaceChildren(
      ...(spans ? [markedText(read ?? prompt, spans)] : []),
      ...(labels.length ? [labelTable(labels)] : []),
      ...(similar ? similarLines(similar, vector, document.getElementById("predict").dataset) : []),
    );
  });
}
