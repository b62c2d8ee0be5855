// The page of a run: its charts, and everything on it that moves while the run does.

import { freshenTimes, toast } from "./app.js";
import { ChartCard, Settings, bindControls, seriesColor } from "./charts.js";
import { AXES, RunSeries } from "./series.js";

const page = document.getElementById("run-page");
const data = JSON.parse(document.getElementById("run-data").textContent);
const run = new RunSeries(data, { url: page.dataset.metricsUrl, points: Number(page.dataset.points ?? 1000) });
const settings = new Settings("run");
const LEARNING = ["train", "validation", "test"];
let cards = [];

// --- charts -------------------------------------------------------------------------------------------------------

const TITLES = {
  loss: ["Loss"], learning_rate: ["Learning rate"], gradient_norm: ["Gradient norm"],
  perplexity: ["Perplexity"], bits_per_byte: ["Bits per byte"], accuracy: ["Accuracy", "%"], memory_bytes: ["Memory", "B"],
  cpu_fraction: ["Processor", "%"], seconds: ["Time spent training", "s"], utilisation: ["Utilisation", "%"],
};
const FIRST = ["loss", "learning_rate", "gradient_norm", "tokens_per_second", "bits_per_byte", "perplexity"];

function describe(name) {
  if (name === "tokens_per_second") return [gettext("Throughput"), data.per_second];
  if (TITLES[name]) return TITLES[name].map((text, i) => (i ? text : gettext(text)));
  const title = data.short_names[name] ?? name.split(/[_/]/).map((word) => data.short_names[word] ?? word).join(" ");
  const unit = name.endsWith("_fraction") ? "%" : name.endsWith("_bytes") ? "B" : name.endsWith("_seconds") ? "s" : "";
  return [data.short_names[name] ? title : title[0].toUpperCase() + title.slice(1), unit];
}

// train/loss and validation/loss share a card; everything else has its own.
function groups(keys, isSystem) {
  const found = new Map();
  for (const key of keys) {
    const [section, ...rest] = key.split("/");
    const isLearning = LEARNING.includes(section) || !rest.length;
    if (isLearning === isSystem) continue;
    const name = isLearning ? rest.join("/") || key : key;
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(key);
  }
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...found].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

function lineOf(key) {
  const section = key.split("/")[0];
  const index = Math.max(0, LEARNING.indexOf(section));
  return { run, key, name: LEARNING.includes(section) ? gettext(section) : key, color: seriesColor(index), points: section === "validation" || section === "test" };
}

function drawCharts() {
  const place = document.querySelector("[data-charts]");
  for (const card of cards) card.destroy();
  cards = [];
  if (!place) return;
  const isSystem = place.dataset.charts === "system";
  const wanted = groups(run.keys, isSystem);
  document.querySelector("[data-no-charts]")?.toggleAttribute("hidden", wanted.length > 0);
  place.replaceChildren(...wanted.map(([name, keys], i) => {
    const element = document.createElement("section");
    element.tabIndex = -1;
    const isLead = !isSystem && i === 0;
    if (isLead) element.classList.add("is-lead");
    const [title, unit] = describe(isSystem ? name.split("/").slice(1).join("/") : name);
    const section = name.split("/")[0];
    const full = isSystem && section === "gpu" ? `GPU ${title.toLowerCase()}` : title;
    cards.push(new ChartCard(element, { title: full, unit, lines: keys.map(lineOf), settings, tall: isLead }));
    return element;
  }));
}

function setUpPane() {
  const axis = document.querySelector('select[data-chart-setting="x"]');
  if (axis && !axis.options.length) axis.append(...AXES.map(([value, text]) => new Option(value === "tokens" ? data.axes.units : gettext(text), value)));
  bindControls(document, settings);
  drawCharts();
  freshenTimes();
}

document.addEventListener("theme", () => { for (const card of cards) for (const line of card.lines) line.color = lineOf(line.key).color; });
run.addEventListener("keys", () => drawCharts());

// --- what moves: figures, progress, title, icon -----------------------------------------------------------------------

const bar = () => document.querySelector("[data-live-progress]");
const title = document.title;

function showStatus(status) {
  for (const [name, text] of Object.entries(status.text)) {
    for (const place of document.querySelectorAll(`[data-live="${name}"]`)) if (place.textContent !== text) place.textContent = text;
  }
  const phase = document.querySelector('[data-live="phase"]');
  if (phase) phase.textContent = status.is_active ? status.phase : "";
  if (bar()) {
    if (status.fraction === null) bar().removeAttribute("value");
    else bar().value = status.fraction;
  }
  const percent = status.fraction === null ? "" : `${Math.floor(status.fraction * 100)} % · `;
  document.title = status.is_active ? `${percent}${title}` : title;
  drawIcon(status);
  if (status.state !== data.status.state || status.job !== data.status.job) refreshHead();
  data.status = status;
}

const STATE_COLORS = { failed: "--bad", succeeded: "--good", stopped: "--warn", lost: "--warn" };

// The tab's icon is a ring that fills up.
function drawIcon(status) {
  const color = getComputedStyle(document.documentElement).getPropertyValue(STATE_COLORS[status.state] ?? "--accent").trim();
  const length = 2 * Math.PI * 12, done = (status.fraction ?? 0) * length;
  const ring = `<circle cx="16" cy="16" r="12" fill="none" stroke="${color}" stroke-opacity=".25" stroke-width="6"/>`
    + `<circle cx="16" cy="16" r="12" fill="none" stroke="${color}" stroke-width="6" stroke-dasharray="${done} ${length}" transform="rotate(-90 16 16)"/>`;
  const link = document.querySelector('link[rel="icon"]');
  if (link) link.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ring}</svg>`)}`;
}

function refreshHead() {
  htmx.ajax("GET", page.dataset.headUrl, { target: "#run-head", swap: "innerHTML" });
}

// A pane that lists things is drawn again when one of them is new; charts and the log follow by themselves.
let paneTimer = null;
function refreshPane(events) {
  const watched = { overview: ["sample", "checkpoint", "started", "finished", "failed", "stopped", "message", "resolved"], samples: ["sample"], checkpoints: ["checkpoint", "checkpoint_removed"],
    evaluation: ["evaluation", "metrics"], events: null, cost: ["started", "finished", "failed", "stopped"], config: ["resolved"] };
  const tab = document.getElementById("run-pane").dataset.tab;
  const types = watched[tab];
  if (types === undefined || !events.some((event) => (types === null ? event.type !== "metrics" : types.includes(event.type)))) return;
  const parts = [...document.querySelectorAll("[data-pane-list]")];
  if (!parts.length || parts.some((part) => part.contains(document.activeElement)) || paneTimer) return;
  paneTimer = setTimeout(() => {
    paneTimer = null;
    htmx.ajax("GET", `${page.dataset.url}?tab=${tab}`, { target: "#run-pane", select: "[data-pane-list]", swap: "none", handler: swapList });
  }, 300);
}
function swapList(_element, info) {
  const answers = new DOMParser().parseFromString(info.xhr.responseText, "text/html").querySelectorAll("[data-pane-list]");
  document.querySelectorAll("[data-pane-list]").forEach((part, i) => {
    if (!answers[i]) return;
    part.replaceWith(answers[i]);
    htmx.process(answers[i]);
    freshenTimes(answers[i]);
  });
}

// --- the socket: joins where the page was told last, and joins again whatever happens ----------------------------------

let seq = data.seq, job = data.job, waitMs = 500, isLate = false;

function join() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/runs/${data.code}/?job=${job}&after=${seq}`);
  socket.onopen = () => { waitMs = 500; showLink(true); };
  socket.onmessage = (message) => takeNews(JSON.parse(message.data));
  socket.onclose = (event) => {
    if (event.code === 4404 || event.code === 4401) { toast(gettext("You can no longer see this run."), "error"); return; }
    showLink(false);
    setTimeout(join, waitMs * (0.75 + Math.random() / 2));
    waitMs = Math.min(waitMs * 1.7, 8000);
  };
}

function showLink(isUp) {
  isLate = !isUp;
  document.querySelector("[data-live-link]")?.toggleAttribute("hidden", !isLate);
}

function takeNews(news) {
  if (news.type !== "news") return;
  if (news.job !== job) { job = news.job; seq = 0; }
  const missed = news.first_seq > seq + 1;
  seq = Math.max(seq, news.seq);
  for (const event of news.events) {
    if (event.type === "started") run.cut(event.resumed_from_step ?? -1);
    if (event.type === "checkpoint" && event.is_best) run.marks.best_step = event.step;
  }
  if (news.refetch || missed) run.refetch();
  run.append(news.points);
  showStatus(news.status);
  refreshPane(news.events);
  document.dispatchEvent(new CustomEvent("run-news", { detail: news }));
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "run-pane") setUpPane();
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id === "run-pane" && event.detail.elt.dataset?.tabLink) {
    event.detail.target.dataset.tab = event.detail.elt.dataset.tabLink;
    for (const link of document.querySelectorAll("[data-tab-link]")) link.toggleAttribute("aria-current", link === event.detail.elt);
  }
});
addEventListener("pageshow", () => { if (isLate) join(); });

setUpPane();
showStatus(data.status);
join();
