// What a head of a layer looks at, as a table of shades.

import { visible } from "../tokens.js";

const MOST_ROWS = 64; // more cannot be read

export function mount(page) {
  const panel = document.getElementById("maps");
  document.getElementById("attention").addEventListener("click", () => attention(page, panel));
  for (const id of ["layer", "head"]) {
    document.getElementById(id).addEventListener("change", () => attention(page, panel));
  }
  page.addEventListener("another", () => {
    panel.hidden = true;
    for (const id of ["layer", "head"]) document.getElementById(id).replaceChildren();
  });
  document.getElementById("maps-close").addEventListener("click", () => (panel.hidden = true));
}

function attention(page, panel) {
  const [layers, heads] = ["layer", "head"].map((id) => document.getElementById(id));
  const [layer, head] = [layers, heads].map((select) => Number(select.value || 0));
  page.ask(page.sidesThat("attention")[0], "attention", { prompt: page.prompt, layer, head }, (message) => {
    panel.hidden = false;
    const wrap = panel.querySelector(".attention-wrap");
    if (message.event === "error") {
      wrap.textContent = message.sentence;
      return;
    }
    const { tokens, weights, num_layers, num_heads } = message.result;
    fillChoices(layers, num_layers, layer);
    fillChoices(heads, num_heads, head);
    wrap.replaceChildren(attentionTable(tokens, weights));
  });
}

function fillChoices(select, count, value) {
  if (select.options.length !== count) select.replaceChildren(...Array.from({ length: count }, (_, i) => new Option(i + 1, i)));
  select.value = value;
}

function attentionTable(tokens, weights) {
  const from = Math.max(0, tokens.length - MOST_ROWS);
  const table = document.createElement("table");
  table.className = "attention";
  const headRow = table.createTHead().insertRow();
  headRow.append(document.createElement("th"));
  for (const token of tokens.slice(from)) headRow.append(heading(token));
  const body = table.createTBody();
  for (let i = from; i < tokens.length; i++) {
    const row = body.insertRow();
    row.append(heading(tokens[i]));
    for (let j = from; j < tokens.length; j++) {
      const cell = row.insertCell();
      const weight = weights[i][j];
      if (weight === undefined) continue;
      cell.title = `${visible(tokens[i])} → ${visible(tokens[j])}: ${(weight * 100).toFixed(1)} %`;
      cell.style.setProperty("--share", weight);
    }
  }
  return table;
}

function heading(token) {
  const cell = document.createElement("th");
  cell.textContent = visible(token);
  return cell;
}
