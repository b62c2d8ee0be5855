// What each model makes of the prompt: the best text, and what else it considered.

const NUMBERS = ["num_beams", "length_penalty", "temperature", "seed"];

export function mount(page) {
  const form = document.getElementById("search");
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("translate").addEventListener("click", () => {
    const settings = Object.fromEntries(NUMBERS.map((name) => [name, Number(form.elements[name].value)]));
    for (const side of page.sidesThat("translate")) translate(page, side, settings);
  });
}

function translate(page, side, settings) {
  const output = side.querySelector(".output");
  const cut = side.querySelector(".cut");
  output.replaceChildren();
  page.ask(side, "translate", { prompt: page.prompt, settings }, (message) => {
    if (message.event === "error") return page.showError(side, message);
    const { text, alternatives, num_cut_tokens: numCut } = message.result;
    cut.hidden = !numCut;
    cut.textContent = `${page.root.dataset.textCut} ${numCut}`;
    const best = document.createElement("p");
    best.className = "translation";
    best.textContent = text || "∅";
    output.replaceChildren(best, ...(alternatives.length > 1 ? [hypotheses(alternatives)] : []));
  });
}

function hypotheses(alternatives) {
  const table = document.createElement("table");
  table.className = "candidates hypotheses";
  const body = table.createTBody();
  for (const { text, score } of alternatives) {
    const row = body.insertRow();
    row.insertCell().textContent = text || "∅";
    const number = row.insertCell();
    number.className = "num";
    number.textContent = score.toFixed(3);
  }
  return table;
}
