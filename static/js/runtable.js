// The table of runs: selection with curves laid over each other, comparison, refreshing that moves no row under the cursor.

import { freshenTimes } from "./app.js";
import { ChartCard, Settings, bindControls, seriesColor } from "./charts.js";
import { AXES, RunSeries } from "./series.js";

const place = document.getElementById("run-table");
if (place) start();

function start() {
  const settings = new Settings("runs");
  const rows = document.getElementById("run-rows");
  const overlay = document.getElementById("overlay");
  const comparison = document.getElementById("comparison");
  const REFRESH_MS = 4000, MAX_RUNS = 30;
  const FIRST = ["validation/loss", "train/loss", "train/learning_rate", "train/gradient_norm", "train/tokens_per_second"];
  const selected = new Map();  // code -> index of its colour, kept while it stays selected
  const series = new Map();    // code -> RunSeries
  let cards = [], shownKeys = "";

  // --- selection, kept in the address ---
  const query = () => new URLSearchParams(location.search);
  function freeColor() {
    const used = new Set(selected.values());
    let index = 0;
    while (used.has(index)) index += 1;
    return index;
  }
  function select(code, on) {
    if (on && !selected.has(code) && selected.size < MAX_RUNS) selected.set(code, freeColor());
    if (!on) selected.delete(code);
  }
  function keepInAddress() {
    const now = query();
    now.delete("compare");
    if (selected.size) now.set("sel", [...selected.keys()].join(",")); else now.delete("sel");
    const text = now.toString().replaceAll("%2C", ",");
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
  }
  function paint() {
    for (const row of rows.querySelectorAll("[data-run]")) {
      const index = selected.get(row.dataset.run);
      row.classList.toggle("is-selected", index !== undefined);
      row.querySelector("input[name=runs]").checked = index !== undefined;
      row.querySelector(".dot").style.background = index === undefined ? "" : seriesColor(index);
    }
    const bar = document.querySelector("[data-selection]");
    bar.hidden = !selected.size;
    bar.querySelector("[data-selection-count]").textContent = interpolate(ngettext("%s run selected", "%s runs selected", selected.size), [selected.size]);
    bar.querySelector("[data-compare]").disabled = selected.size < 2;
  }
  rows.addEventListener("change", (event) => {
    if (event.target.name !== "runs") return;
    select(event.target.value, event.target.checked);
    keepInAddress(); paint(); drawOverlay();
  });
  // selected runs of other pages go along with the form
  document.getElementById("run-rows-form").addEventListener("formdata", (event) => {
    event.formData.delete("runs");
    event.formData.append("runs", [...selected.keys()].join(","));
    event.formData.set("next", location.pathname + location.search.replace(/[?&]sel=[^&]*/, ""));
  });
  place.addEventListener("click", (event) => {
    if (event.target.closest("[data-clear]")) { selected.clear(); keepInAddress(); paint(); drawOverlay(); comparison.hidden = true; }
    if (event.target.closest("[data-compare]")) compare(false);
    if (event.target.closest("[data-compare-close]")) comparison.hidden = true;
  });
  place.addEventListener("change", (event) => { if (event.target.matches("[data-compare-all]")) compare(event.target.checked); });

  async function compare(all) {
    const answer = await fetch(`${place.dataset.compareUrl}?runs=${[...selected.keys()].join(",")}${all ? "&all=1" : ""}`);
    if (!answer.ok) return;
    comparison.innerHTML = await answer.text();
    comparison.hidden = false;
    if (!all) comparison.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  // --- curves ---
  async function load(codes) {
    const answer = await fetch(`${place.dataset.metricsUrl}?runs=${codes.join(",")}&points=500&keys=${wantedKeys().join(",")}`);
    if (!answer.ok) return;
    for (const found of (await answer.json()).runs) {
      const one = series.get(found.run.code) ?? new RunSeries(found.run, { url: `/runs/${found.run.code}/metrics/`, points: 500 });
      series.set(found.run.code, one);
      one.take(found);
      one.dispatchEvent(new Event("change"));
    }
  }
  const wantedKeys = () => FIRST;
  async function drawOverlay() {
    overlay.hidden = !selected.size;
    const missing = [...selected.keys()].filter((code) => !series.has(code));
    if (missing.length) await load(missing);
    const runs = [...selected].filter(([code]) => series.has(code)).map(([code, color]) => ({ run: series.get(code), color }));
    const all = [...new Set(runs.flatMap(({ run }) => run.keys))].filter((key) => key.startsWith("train/") || key.startsWith("validation/"));
    const keys = all.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    const state = JSON.stringify([keys, runs.map(({ run, color }) => [run.code, color])]);
    if (state === shownKeys) return;
    shownKeys = state;
    for (const card of cards) card.destroy();
    cards = [];
    overlay.querySelector("[data-overlay]").replaceChildren(...keys.map((key) => {
      const element = document.createElement("section");
      element.tabIndex = -1;
      const lines = runs.filter(({ run }) => run.keys.includes(key))
        .map(({ run, color }) => ({ run, key, name: run.name, color: seriesColor(color), points: key.startsWith("validation/") }));
      cards.push(new ChartCard(element, { title: key, lines, settings, marks: false, legend: false }));
      return element;
    }));
  }
  const rank = (key) => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
  document.addEventListener("theme", () => { shownKeys = ""; paint(); drawOverlay(); });

  // --- refreshing ---
  async function refresh() {
    if (document.hidden) return;
    const answer = await fetch(location.pathname + location.search, { headers: { "HX-Target": "run-rows" } }).catch(() => null);
    if (!answer?.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (rows.matches(":hover") || rows.contains(document.activeElement)) renew(next);
    else rows.replaceChildren(...next.body.childNodes);
    freshenTimes(rows);
    paint();
    const going = [...rows.querySelectorAll('.badge[data-state="running"]')].map((badge) => badge.closest("[data-run]").dataset.run);
    const live = going.filter((code) => selected.has(code));
    if (live.length) await load(live);
  }
  // Each line is renewed where it stands; order and new lines wait until the cursor is elsewhere.
  function renew(next) {
    for (const row of rows.querySelectorAll("[data-run]")) {
      const fresh = next.querySelector(`[data-run="${row.dataset.run}"]`);
      if (!fresh) continue;
      const cells = [...fresh.cells];
      [...row.cells].forEach((cell, i) => { if (i > 1 && cells[i] && cell.innerHTML !== cells[i].innerHTML) cell.innerHTML = cells[i].innerHTML; });
    }
  }

  document.querySelector("[data-filter-columns]")?.addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const label of document.querySelectorAll(".columns-list label")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  });

  const axis = document.querySelector('select[data-chart-setting="x"]');
  axis.append(...AXES.map(([value, text]) => new Option(gettext(text), value)));
  bindControls(document, settings);
  for (const code of [...(query().get("sel") ?? "").split(","), query().get("compare") ?? ""]) if (code) select(code, true);
  paint();
  drawOverlay();
  setInterval(refresh, REFRESH_MS);
}
