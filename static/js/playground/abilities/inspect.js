// What the model expects behind each token of the prompt.

import { barRow } from "../labels.js";
import { visible } from "../tokens.js";

export function mount(page) {
  const panel = document.getElementById("next");
  document.getElementById("inspect").addEventListener("click", () => inspect(page, panel));
  page.addEventListener("another", () => (panel.hidden = true));
  document.getElementById("next-close").addEventListener("click", () => (panel.hidden = true));
}

function inspect(page, panel) {
  const strip = panel.querySelector(".token-strip");
  const body = panel.querySelector("tbody");
  page.ask(page.sidesThat("inspect")[0], "inspect", { prompt: page.prompt }, (message) => {
    panel.hidden = false;
    if (message.event === "error") {
      strip.textContent = message.sentence;
      body.replaceChildren();
      return;
    }
    const items = message.result.positions.map((position) => tokenButton(position, strip, body));
    strip.replaceChildren(...items);
    items.at(-1)?.click();
  });
}

function tokenButton(position, strip, body) {
  const item = document.createElement("button");
  item.type = "button";
  item.className = "token mono";
  item.setAttribute("role", "option");
  item.textContent = visible(position.text);
  if (position.probability !== null && position.probability !== undefined) {
    item.title = `${(position.probability * 100).toFixed(2)} % · #${position.rank}`;
    item.style.setProperty("--share", position.probability);
  }
  item.addEventListener("click", () => {
    for (const other of strip.children) other.setAttribute("aria-selected", String(other === item));
    body.replaceChildren(...position.candidates.map(({ text, probability }) => barRow(visible(text), probability)));
  });
  return item;
}
