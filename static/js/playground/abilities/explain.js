// Which words of a text spoke for an answer: a text heat map of integrated gradients.

export function mount(page) {
  const box = document.getElementById("explained");
  const answer = document.getElementById("explained-answer");
  const ask = () => {
    const content = { prompt: page.prompt, answer: answer.value };
    page.ask(page.sidesThat("explain")[0], "explain", content, (message) => show(box, message));
  };
  document.getElementById("explain").addEventListener("click", ask);
  answer.addEventListener("change", ask);
  page.addEventListener("another", () => {
    box.hidden = true;
    answer.value = "";
  });
  document.getElementById("explained-close").addEventListener("click", () => (box.hidden = true));
}

function visible(text) {
  return text.replaceAll("\n", "↵\n").replaceAll("\t", "⇥");
}

// One token, the stronger coloured the more it speaks for the answer (blue) or against it (orange).
function mark(token, largest) {
  const item = document.createElement("span");
  item.className = token.score >= 0 ? "speaks-for" : "speaks-against";
  item.textContent = visible(token.text);
  item.title = `${token.score >= 0 ? "+" : "−"}${Math.abs(token.score).toFixed(3)}`;
  item.style.setProperty("--share", largest ? Math.abs(token.score) / largest : 0);
  return item;
}

function tableOf(tokens) {
  const table = document.createElement("table");
  const body = table.createTBody();
  const strongest = [...tokens].sort((a, b) => Math.abs(b.score) - Math.abs(a.score)).slice(0, 12);
  for (const token of strongest) {
    const row = body.insertRow();
    const name = row.insertCell();
    name.className = "mono";
    name.textContent = visible(token.text);
    const score = row.insertCell();
    score.className = "num";
    score.textContent = token.score.toFixed(3);
  }
  return table;
}

function show(box, message) {
  box.hidden = false;
  const text = box.querySelector(".heat");
  const summary = box.querySelector(".summary");
  const strongest = box.querySelector(".strongest");
  strongest.replaceChildren();
  if (message.event === "error") {
    summary.textContent = message.sentence;
    text.replaceChildren();
    return;
  }
  if (message.event !== "done") return;
  const { tokens, target, probability, baseline_probability: before, gap } = message.result;
  const largest = Math.max(...tokens.map((token) => Math.abs(token.score)));
  text.replaceChildren(...tokens.map((token) => mark(token, largest)));
  const percent = (value) => `${(value * 100).toPrecision(3)} %`;
  summary.textContent = `${visible(target)} · ${percent(before)} → ${percent(probability)} · ${box.dataset.textGap} ${gap.toFixed(3)}`;
  strongest.replaceChildren(tableOf(tokens));
}
