// The playground: asks over one websocket, writes tokens as they come, draws next-token bars, labels and attention maps.

import { explain } from "./explain.js";
import { barRow, labelTable, markedText } from "./labels.js";
import { onPicture, pictureView } from "./picture.js";

const root = document.getElementById("playground");
const $ = (id) => document.getElementById(id);

class Line {
  // One socket that comes back by itself; answers are handed to whoever asked, by id.
  constructor(url, onState) {
    this.url = url;
    this.onState = onState;
    this.waiting = new Map();
    this.delay = 500;
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => {
      this.delay = 500;
      this.onState(true);
    });
    this.socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      const handler = this.waiting.get(message.id);
      if (!handler) return;
      if (message.event === "done" || message.event === "error") this.waiting.delete(message.id);
      handler(message);
    });
    this.socket.addEventListener("close", (event) => {
      this.onState(false);
      for (const handler of this.waiting.values()) handler({ event: "error", sentence: root.dataset.textLost });
      this.waiting.clear();
      if (event.code >= 4400) return; // no longer allowed
      setTimeout(() => this.open(), this.delay);
      this.delay = Math.min(this.delay * 2, 10_000);
    });
  }

  ask(content, handler) {
    const id = crypto.randomUUID();
    if (this.socket.readyState !== WebSocket.OPEN) {
      handler({ event: "error", sentence: root.dataset.textLost });
      return id;
    }
    this.waiting.set(id, handler);
    this.socket.send(JSON.stringify({ id, ...content }));
    return id;
  }

  cancel(id) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ id, op: "cancel" }));
  }
}

function settings() {
  const form = $("sampling");
  const numbers = ["num_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"];
  const found = Object.fromEntries(numbers.map((name) => [name, Number(form.elements[name].value)]));
  found.stop = form.elements.stop.value.split("\n").filter((text) => text);
  return found;
}

function sides() {
  return [...document.querySelectorAll(".side")];
}

function chosen(side = sides()[0]) {
  return side.querySelector(".checkpoint").value;
}

function can(side, ability) {
  const option = side.querySelector(".checkpoint").selectedOptions[0];
  return (option?.dataset.abilities ?? "").split(" ").includes(ability);
}

function showAbilities() {
  // What no chosen model can be asked for is not offered.
  for (const part of document.querySelectorAll("[data-ability]")) {
    const abilities = part.dataset.ability.split(" ");
    part.hidden = !sides().some((side) => abilities.some((ability) => can(side, ability)));
  }
}

const running = new Set();

function setRunning(id, is) {
  is ? running.add(id) : running.delete(id);
  $("stop").hidden = running.size === 0;
  $("generate").disabled = running.size > 0;
  if (!is && running.size === 0) window.htmx?.trigger("#history", "refresh");
}

function showError(side, message) {
  const output = side.querySelector(".output");
  const line = document.createElement("p");
  line.className = "bad";
  line.textContent = message.sentence;
  output.append(line);
}

function generate(line) {
  const prompt = $("prompt").value;
  for (const side of sides().filter((one) => can(one, "generate"))) {
    const output = side.querySelector(".output");
    const cut = side.querySelector(".cut");
    const measure = side.querySelector(".measure");
    const asked = document.createElement("b");
    asked.textContent = prompt;
    const written = document.createElement("span");
    output.replaceChildren(asked, written);
    cut.hidden = true;
    measure.textContent = "";
    let count = 0;
    const began = performance.now();
    const speed = () => `${count} ${root.dataset.textTokens} · ${((count * 1000) / (performance.now() - began)).toFixed(0)}/s`;
    const id = line.ask({ op: "generate", checkpoint: chosen(side), prompt, settings: settings() }, (message) => {
      if (message.event === "start") {
        asked.textContent = message.prompt;
        if (message.num_cut_tokens) {
          cut.hidden = false;
          cut.textContent = `${root.dataset.textCut} ${message.num_cut_tokens}`;
        }
      } else if (message.event === "token") {
        count += 1;
        written.append(message.text);
        measure.textContent = speed();
        output.scrollTop = output.scrollHeight;
      } else if (message.event === "done") {
        measure.textContent = `${speed()} · ${message.result.end}`;
        setRunning(id, false);
      } else if (message.event === "error") {
        showError(side, message);
        setRunning(id, false);
      }
    });
    if (line.waiting.has(id)) {
      setRunning(id, true);
      side.dataset.asked = id;
    }
  }
}

function predict(line) {
  const prompt = $("prompt").value;
  for (const side of sides().filter((one) => can(one, "predict"))) {
    const output = side.querySelector(".output");
    output.replaceChildren();
    line.ask({ op: "predict", checkpoint: chosen(side), prompt }, (message) => {
      if (message.event === "error") return showError(side, message);
      const { labels, spans } = message.result;
      output.replaceChildren(...(spans ? [markedText(prompt, spans)] : []), ...(labels.length ? [labelTable(labels)] : []));
      window.htmx?.trigger("#history", "refresh");
    });
  }
}

function predictPicture(line, { name, url, base64 }) {
  for (const side of sides().filter((one) => can(one, "predict_image"))) {
    const output = side.querySelector(".output");
    output.replaceChildren();
    line.ask({ op: "predict_image", checkpoint: chosen(side), prompt: name, image: base64 }, (message) => {
      if (message.event === "error") return showError(side, message);
      output.replaceChildren(pictureView(url, message.result.heat), labelTable(message.result.labels.slice(0, 10)));
      window.htmx?.trigger("#history", "refresh");
    });
  }
}

function stop(line) {
  for (const id of [...running]) {
    line.cancel(id);
    line.waiting.delete(id);
    setRunning(id, false);
  }
  for (const side of sides()) side.querySelector(".measure").append(` · ${root.dataset.textStopped}`);
}

function visible(text) {
  return text.replaceAll(" ", "·").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";
}

function showCandidates(position) {
  const rows = position.candidates.map((candidate) => barRow(visible(candidate.text), candidate.probability));
  document.querySelector("#next tbody").replaceChildren(...rows);
}

function inspect(line) {
  line.ask({ op: "inspect", checkpoint: chosen(), prompt: $("prompt").value }, (message) => {
    $("next").hidden = false;
    const strip = document.querySelector(".token-strip");
    if (message.event === "error") {
      strip.textContent = message.sentence;
      document.querySelector("#next tbody").replaceChildren();
      return;
    }
    if (message.event !== "done") return;
    const positions = message.result.positions;
    const items = positions.map((position, index) => {
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
        showCandidates(positions[index]);
      });
      return item;
    });
    strip.replaceChildren(...items);
    items.at(-1)?.click();
  });
}

function fillChoices(select, count, value) {
  if (select.options.length !== count) select.replaceChildren(...Array.from({ length: count }, (_, i) => new Option(i + 1, i)));
  select.value = value;
}

function attention(line) {
  const layer = Number($("layer").value || 0);
  const head = Number($("head").value || 0);
  line.ask({ op: "attention", checkpoint: chosen(), prompt: $("prompt").value, layer, head }, (message) => {
    $("maps").hidden = false;
    const wrap = document.querySelector(".attention-wrap");
    if (message.event === "error") {
      wrap.textContent = message.sentence;
      return;
    }
    if (message.event !== "done") return;
    const { tokens, weights, num_layers, num_heads } = message.result;
    fillChoices($("layer"), num_layers, layer);
    fillChoices($("head"), num_heads, head);
    wrap.replaceChildren(attentionTable(tokens, weights));
  });
}

function attentionTable(tokens, weights) {
  const last = 64; // more rows than this cannot be read
  const from = Math.max(0, tokens.length - last);
  const table = document.createElement("table");
  table.className = "attention";
  const headRow = table.createTHead().insertRow();
  headRow.append(document.createElement("th"));
  for (const token of tokens.slice(from)) {
    const cell = document.createElement("th");
    cell.textContent = visible(token);
    headRow.append(cell);
  }
  const body = table.createTBody();
  for (let i = from; i < tokens.length; i++) {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.textContent = visible(tokens[i]);
    row.append(name);
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

function compare(on) {
  const [first, second] = sides();
  if (on && !second) {
    const copy = first.cloneNode(true);
    copy.dataset.side = "b";
    copy.querySelector(".output").replaceChildren();
    copy.querySelector(".measure").textContent = "";
    $("sides").append(copy);
    const select = copy.querySelector(".checkpoint");
    select.selectedIndex = Math.min(first.querySelector(".checkpoint").selectedIndex + 1, select.options.length - 1);
  } else if (!on && second) {
    second.remove();
  }
  $("sides").classList.toggle("two", on);
  showAbilities();
}

if (root) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const line = new Line(`${scheme}://${location.host}/ws/playground/${root.dataset.project}/`, (isOpen) => {
    $("connection").hidden = isOpen;
  });
  $("generate").addEventListener("click", () => generate(line));
  $("predict").addEventListener("click", () => predict(line));
  onPicture($("picture"), (picture) => predictPicture(line, picture));
  $("stop").addEventListener("click", () => stop(line));
  $("inspect").addEventListener("click", () => inspect(line));
  $("attention").addEventListener("click", () => attention(line));
  const explainFirst = () => explain(line, chosen(sides().find((side) => can(side, "explain"))));
  $("explain").addEventListener("click", explainFirst);
  $("explained-answer").addEventListener("change", explainFirst);
  $("explained-close").addEventListener("click", () => ($("explained").hidden = true));
  for (const id of ["layer", "head"]) $(id).addEventListener("change", () => attention(line));
  $("next-close").addEventListener("click", () => ($("next").hidden = true));
  $("maps-close").addEventListener("click", () => ($("maps").hidden = true));
  $("compare").addEventListener("change", (event) => compare(event.target.checked));
  $("sides").addEventListener("change", showAbilities);
  showAbilities();
  $("sampling").addEventListener("submit", (event) => event.preventDefault());
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    predict(line);
    if (!$("generate").disabled) generate(line);
  });
  document.addEventListener("click", (event) => {
    const reuse = event.target.closest("[data-reuse]");
    if (reuse) $("prompt").value = reuse.dataset.reuse;
  });
}

// The quote beside a table's button needs the size of the file that was chosen, which no form field tells.
for (const size of document.querySelectorAll("[data-size-of]")) {
  document.getElementById(size.dataset.sizeOf).addEventListener("change", (event) => {
    size.value = event.target.files[0]?.size ?? "";
  });
}
