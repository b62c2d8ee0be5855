// A user's profile: history, recommendations with their reasons, nearest users, a map; and what if the history were another.

import { baseLayout, escapeHtml, palette } from "../../plot_base.js";

const $ = (id) => document.getElementById(id);

export function mount(page) {
  const state = { user: "", asked: "", history: null };
  const ask = () => {
    const [side] = page.sidesThat("recommend");
    if (!side) return;
    state.asked = $("profile-user").value.trim();
    page.ask(side, "recommend", { user: state.user, history: state.history }, (message) => show(state, message));
  };
  const change = (history) => {
    state.history = history;
    ask();
  };
  $("profile-form").addEventListener("submit", (event) => {
    event.preventDefault();
    state.user = $("profile-user").value.trim();
    change(null);
  });
  $("profile-add").addEventListener("submit", (event) => {
    event.preventDefault();
    const named = $("profile-item").value.trim();
    const option = [...$("profile-known").options].find((one) => one.value === named || one.label === named);
    if (named) change([...state.shown, option?.value ?? named]);
    $("profile-item").value = "";
  });
  $("profile-history").addEventListener("click", (event) => {
    const place = event.target.closest("button")?.dataset.place;
    if (place !== undefined) change(state.shown.filter((_, index) => index !== Number(place)));
  });
  $("profile-nearest").addEventListener("click", (event) => {
    const user = event.target.closest("button")?.dataset.user;
    if (user === undefined) return;
    state.user = $("profile-user").value = user;
    change(null);
  });
  $("profile-reset").addEventListener("click", () => change(null));
  page.addEventListener("models", () => {
    const [side] = page.sidesThat("recommend");
    if (!side) return;
    $("lists-checkpoint").value = page.chosen(side);
    if (state.side === page.chosen(side)) return;
    state.side = page.chosen(side);
    $("profile-parts").hidden = true;
  });
  document.addEventListener("theme", () => state.map && window.Plotly && drawMap(state.map));
}

function show(state, message) {
  $("profile-error").hidden = message.event !== "error";
  if (message.event === "error") {
    $("profile-error").textContent = message.sentence;
    return;
  }
  if (message.event !== "done") return;
  const found = message.result;
  state.user = found.user;
  state.shown = found.history.map((each) => each.item).reverse();
  state.map = found.map;
  if (found.user && $("profile-user").value.trim() === state.asked) $("profile-user").value = found.user; // not over what is being typed
  $("profile-note").hidden = !found.note;
  $("profile-note").textContent = found.note;
  $("profile-features").textContent = found.features.join(" · ");
  $("profile-parts").hidden = false;
  $("profile-changed").hidden = $("profile-reset").hidden = !found.is_changed;
  $("profile-count").textContent = found.num_history;
  $("profile-users").replaceChildren(...found.users.map((name) => new Option(name, name)));
  $("profile-known").replaceChildren(...found.known_items.map((each) => new Option(each.title, each.item)));
  $("profile-items").replaceChildren(...found.items.map(itemRow));
  $("profile-history").replaceChildren(...(found.history.length ? found.history.map(historyRow) : [rowOf([$("profile").dataset.textNone])]));
  $("profile-nearest").replaceChildren(...found.nearest.map(nearestRow));
  withPlotly(() => drawMap(found.map));
}

// The library comes with the first map: most of the playground has no use for it.
function withPlotly(draw) {
  if (window.Plotly) return draw();
  const script = document.createElement("script");
  script.src = $("profile").dataset.plotly;
  script.addEventListener("load", draw);
  document.head.append(script);
}

function rowOf(cells) {
  const row = document.createElement("tr");
  for (const content of cells) {
    const cell = row.insertCell();
    if (typeof content === "number") {
      cell.className = "num";
      cell.textContent = content.toFixed(3);
    } else cell.append(content);
  }
  return row;
}

function named({ title, item, count }) {
  const box = document.createElement("span");
  box.textContent = title;
  box.title = `${item} · ${count}`;
  return box;
}

function itemRow(each) {
  const why = document.createElement("span");
  why.className = "small";
  why.textContent = each.why.map((one) => `${one.title} (+${one.change.toFixed(2)})`).join(", ") || "–";
  return rowOf([named(each), each.score, why]);
}

function historyRow(each, index, all) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small quiet";
  button.textContent = $("profile").dataset.textRemove;
  button.dataset.place = all.length - 1 - index; // shown latest first, kept oldest first
  button.setAttribute("aria-label", `${button.textContent}: ${each.title}`);
  return rowOf([named(each), button]);
}

function nearestRow({ user, likeness, latest }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small quiet";
  button.textContent = button.dataset.user = user;
  const taken = document.createElement("span");
  taken.className = "small muted";
  taken.textContent = latest.join(" · ");
  return rowOf([button, likeness, taken]);
}

const KINDS = ["other", "history", "recommended", "user"];
const SYMBOLS = { other: "circle", history: "square", recommended: "diamond", user: "star" };

function drawMap({ share, points }) {
  const words = $("profile").dataset;
  const name = (kind) => words[`text${kind[0].toUpperCase()}${kind.slice(1)}`];
  const colours = palette();
  const muted = getComputedStyle(document.documentElement).getPropertyValue("--muted").trim();
  const traces = KINDS.map((kind, index) => {
    const own = points.filter((point) => point.kind === kind);
    return {
      type: "scatter",
      mode: "markers",
      name: escapeHtml(name(kind)),
      x: own.map((point) => point.x),
      y: own.map((point) => point.y),
      text: own.map((point) => escapeHtml(point.title || name(kind))),
      hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: SYMBOLS[kind], size: kind === "user" ? 14 : kind === "other" ? 5 : 9, color: kind === "other" ? muted : colours[index], opacity: kind === "other" ? 0.45 : 0.9 },
    };
  });
  const layout = baseLayout(words.textFirst, words.textSecond);
  layout.hovermode = "closest";
  window.Plotly.react($("profile-map"), traces, layout, { displayModeBar: false, responsive: true });
  $("profile-share").textContent = `${Math.round(share * 100)} % ${words.textShare}`;
  const table = $("profile-map-table");
  table.replaceChildren();
  const head = table.createTHead().insertRow();
  for (const text of [words.textItem, words.textKind, words.textFirst, words.textSecond]) head.append(Object.assign(document.createElement("th"), { textContent: text }));
  const body = table.createTBody();
  for (const point of [...points].sort((a, b) => KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind))) body.append(rowOf([point.title || name(point.kind), name(point.kind), point.x, point.y]));
}
