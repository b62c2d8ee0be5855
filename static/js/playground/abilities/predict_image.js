// The classes of a picture and where the model looked, or what is in it and where.

import { labelTable } from "../labels.js";
import { SURE, pictureView } from "../picture.js";

export function mount(page) {
  page.addEventListener("picture", ({ detail }) => {
    for (const side of page.sidesThat("predict_image")) predict(page, side, detail);
  });
}

const MOST_CHARACTERS = 8e6; // what the server takes; the browser makes photographs smaller unless it cannot draw them

function predict(page, side, { name, url, base64 }) {
  const output = side.querySelector(".output");
  output.replaceChildren();
  if (base64.length > MOST_CHARACTERS) return page.showError(side, { sentence: page.root.dataset.textTooLarge });
  page.ask(side, "predict_image", { prompt: name, image: base64 }, (message) => {
    if (message.event === "error") return page.showError(side, message);
    const { labels, boxes } = message.result;
    output.replaceChildren(pictureView(url, message.result), labelTable(labels.slice(0, 10)));
    if (boxes && !boxes.some((box) => box.probability >= SURE)) output.append(page.root.dataset.textNothing);
  });
}
