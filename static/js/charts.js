// Charts: one card a metric, drawn by Plotly in SVG, only while it is on the screen. Colours come from the stylesheet.
//
// A card shows `lines`: [{ run: RunSeries, key, name, color, points }]. What several cards share (axis, smoothing,
// logarithms) is a `Settings`; each card also has its table, its files and a full-screen view.

import { axisTitle } from "./series.js";
import { csvRow, saveText } from "./files.js";
import { shareCrosshair } from "./crosshair.js";
import { paintSoon, unpaint } from "./painting.js";
import { smooth } from "./smoothing.js";
import { printable } from "./printing.js";

const REST = 3;  // a chart rests for so many times what its last drawing took: a slow machine draws less often
const MAX_MARKERS = 80;  // more points than this run into each other

export class Settings extends EventTarget {
  constructor(name, defaults = {}) {
    super();
    this.name = `charts.${name}`;
    this.values = { x: "step", logX: false, logY: false, smoothing: 0.6, smoothingKind: "exponential", outliers: false, ...defaults };
    try { Object.assign(this.values, JSON.parse(localStorage.getItem(this.name) ?? "{}")); } catch { /* as before */ }
  }

  set(changes) {
    Object.assign(this.values, changes);
    localStorage.setItem(this.name, JSON.stringify(this.values));
    this.dispatchEvent(new Event("change"));
  }
}

// Ties controls with data-chart-setting="x|logX|logY|smoothing|smoothingKind|outliers" to the settings.
export function bindControls(root, settings) {
  for (const control of root.querySelectorAll("[data-chart-setting]")) {
    const name = control.dataset.chartSetting;
    const show = () => {
      if (control.type === "checkbox") control.checked = settings.values[name];
      else control.value = settings.values[name];
      const text = root.querySelector(`[data-chart-value="${name}"]`);
      if (text) text.textContent = Number(settings.values[name]).toFixed(2);
    };
    show();
    control.addEventListener("input", () => {
      const value = control.type === "checkbox" ? control.checked : control.type === "range" ? Number(control.value) : control.value;
      settings.set({ [name]: value });
      show();
    });
  }
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const seriesColor = (index) => css(`--series-${(index % 8) + 1}`);

function withAlpha(color, alpha) {
  const hex = color.replace("#", "");
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

function clippedRange(columns) {
  const values = columns.flat().filter((v) => v !== null && Number.isFinite(v)).sort((a, b) => a - b);
  if (values.length < 20) return null;
  const at = (q) => values[Math.min(values.length - 1, Math.floor(q * values.length))];
  const [low, high] = [at(0.01), at(0.97)], margin = (high - low) * 0.08 || 1;
  return [low - margin, high + margin];
}

// The range of what is shown, with room above and below; what never changes gets a tenth of itself, not an axis of
// rounding errors. Given rather than left to Plotly, which reckons it by the size that a card has when it is drawn first.
function rangeOf(columns) {
  let low = Infinity, high = -Infinity;
  for (const column of columns) for (const v of column) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
  if (low > high) return null;
  const isFlat = high - low < 1e-6 * Math.max(Math.abs(low), Math.abs(high));
  const room = isFlat ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.07;
  return [low - room, high + room];
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.target.chartCard?.setVisible(entry.isIntersecting);
}, { rootMargin: "200px" });
document.addEventListener("theme", () => allCards((card) => card.redraw()));
const allCards = (act) => document.querySelectorAll(".chart-card").forEach((element) => element.chartCard && act(element.chartCard));

export class ChartCard {
  constructor(element, { title, lines, settings, unit = "", tall = false, marks = true, legend = true }) {
    Object.assign(this, { element, title, lines, settings, unit, marks, hasLegend: legend });
    this.visible = false;
    this.restedAt = 0;
    this.zoomed = null;  // key -> series of the stretch that is zoomed into
    this.hidden = new Set();
    this.#build(tall);
    this.runs = [...new Set(lines.map((line) => line.run))];
    this.onChange = () => this.redraw();
    for (const run of this.runs) run.addEventListener("change", this.onChange);
    settings.addEventListener("change", this.onChange);
    element.chartCard = this;
    seen.observe(element);
  }

  destroy() {
    seen.unobserve(this.element);
    for (const run of this.runs) run.removeEventListener("change", this.onChange);
    this.settings.removeEventListener("change", this.onChange);
    clearTimeout(this.timer);
    unpaint(this);
    if (this.plot.data) Plotly.purge(this.plot);
  }

  #build(tall) {
    const template = document.getElementById("chart-card");
    this.element.classList.add("card", "chart-card");
    this.element.replaceChildren(template.content.cloneNode(true));
    const part = (name) => this.element.querySelector(`[data-part="${name}"]`);
    [this.plot, this.legend, this.note, this.table] = ["plot", "legend", "note", "table"].map(part);
    part("title").textContent = this.title;
    if (this.unit && this.unit !== "%") {
      const unit = Object.assign(document.createElement("span"), { className: "muted chart-unit", textContent: this.unit });
      part("title").append(" ", unit);
    }
    this.plot.classList.toggle("tall", tall);
    this.isTall = tall;
    this.element.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act) this.act(act, event);
    });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  act(name, event) {
    if (name === "full") this.toggleFull();
    else if (name === "table") this.#toggleTable(event.target.closest("[data-act]"));
    else if (name === "png" || name === "svg") this.#saveImage(name);
    else if (name === "csv") this.#saveCsv();
    else if (name === "reset") this.#resetZoom();
    event.target.closest("details")?.removeAttribute("open");
  }

  setVisible(visible) {
    this.visible = visible;
    if (visible) this.redraw();
  }

  redraw() {
    if (!this.visible || this.timer) return;
    const wait = this.restedAt - performance.now();
    if (wait <= 0) { paintSoon(this); return; }
    this.timer = setTimeout(() => { this.timer = null; paintSoon(this); }, wait);
  }

  draw() {
    const began = performance.now();
    this.#show();
    const ended = performance.now();
    this.restedAt = ended + REST * (ended - began);
  }

  #show() {
    for (const run of this.runs) run.need(this.lines.filter((line) => line.run === run).map((line) => line.key));
    const drawn = this.lines.map((line) => this.#prepare(line)).filter(Boolean);
    this.drawn = drawn;
    this.#drawLegend(drawn);
    this.#drawNote(drawn);
    const shown = drawn.filter((one) => !this.hidden.has(one.line.name));
    Plotly.react(this.plot, shown.flatMap((one) => this.#traces(one)), this.#layout(shown), {
      displayModeBar: false, responsive: true, doubleClick: "reset", scrollZoom: false,
    });
    if (!this.listening) {
      this.plot.on("plotly_relayout", (change) => this.#onZoom(change));
      shareCrosshair(this);
      this.listening = true;
    }
    if (!this.table.hidden) this.#fillTable();
  }

  #prepare(line) {
    const found = this.zoomed?.get(`${line.run.code} ${line.key}`) ?? line.run.series.get(line.key);
    if (!found || !found.steps.length) return null;
    const axis = line.run.axis(this.settings.values.x);
    const xs = axis ? found.steps.map(axis) : null;
    return { line, found, xs, ys: found.exact ? found.last : found.mean };
  }

  #traces({ line, found, xs, ys }) {
    if (!xs) return [];
    const color = line.color, amount = line.points ? 0 : this.settings.values.smoothing;
    const many = this.lines.length > 1;
    const common = { type: "scatter", x: xs, hoverinfo: "skip", showlegend: false, line: { color, width: 1.8 } };
    const traces = [];
    if (!found.exact && !line.points) {
      traces.push({ ...common, y: found.high, mode: "lines", line: { width: 0, color } });
      traces.push({ ...common, y: found.low, mode: "lines", line: { width: 0, color }, fill: "tonexty", fillcolor: withAlpha(color, 0.14) });
    }
    if (amount) traces.push({ ...common, y: ys, mode: "lines", line: { color: withAlpha(color, many ? 0.22 : 0.3), width: 1 } });
    const numbers = xs.map(Number), hasMarkers = xs.length === 1 || (line.points && xs.length <= MAX_MARKERS);
    traces.push({
      ...common, y: smooth(numbers, ys, amount, this.settings.values.smoothingKind), mode: hasMarkers ? "lines+markers" : "lines",
      name: line.name, hoverinfo: undefined, hovertemplate: `%{y:.5~g}${this.unit ? ` ${this.unit}` : ""}`,
      marker: { color, size: 6 }, line: { color, width: line.points ? 1 : 1.8, dash: line.points && hasMarkers ? "dot" : "solid" },
    }, ...this.#best(line, found, xs, ys, common));
    const nan = this.#nanPlaces(found, xs, ys);
    if (nan.x.length) {
      traces.push({ ...common, ...nan, mode: "markers", name: gettext("not a number"), hoverinfo: undefined,
        hovertemplate: gettext("not a number"), marker: { symbol: "x", size: 8, color: css("--bad") } });
    }
    return traces;
  }

  // The point of the best checkpoint is a star.
  #best(line, found, xs, ys, common) {
    const best = this.marks && line.points && this.runs.length === 1 ? line.run.marks.best_step : null;
    const place = best === null ? -1 : found.steps.indexOf(best);
    if (place < 0) return [];
    return [{ ...common, x: [xs[place]], y: [ys[place]], mode: "markers", marker: { symbol: "star", size: 13, color: line.color } }];
  }

  // A NaN has no height: it is marked at the height of the last number before it.
  #nanPlaces(found, xs, ys) {
    const marked = new Set(found.nan), places = { x: [], y: [] };
    let height = ys.find((y) => y !== null) ?? 0;
    found.steps.forEach((step, i) => {
      if (ys[i] !== null && ys[i] !== undefined) height = ys[i];
      if (marked.has(step)) { places.x.push(xs[i]); places.y.push(height); }
    });
    return places;
  }

  #layout(shown) {
    const { x, logX, logY, outliers } = this.settings.values;
    const [text, muted, line, surface] = ["--text", "--muted", "--line", "--surface"].map(css);
    const axis = { gridcolor: line, zeroline: false, linecolor: line, tickfont: { color: muted, size: 11 }, automargin: true, fixedrange: false };
    const columns = shown.flatMap(({ found, ys }) => (found.exact ? [ys] : [found.low, found.high]));
    const range = (outliers ? clippedRange(columns) : null) ?? rangeOf(columns);
    const yFormat = this.unit === "%" ? { tickformat: ".2~%" } : {};
    return {
      autosize: true, margin: { l: 46, r: 10, t: 8, b: 36 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: text, size: 11 },
      hovermode: "x unified", hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: text, size: 12 } },
      dragmode: "zoom", uirevision: `${x}${logX}${logY}`, showlegend: false,
      xaxis: { ...axis, type: x === "clock" ? "date" : logX ? "log" : "linear", title: { text: axisTitle(x, this.runs), font: { color: muted, size: 11 }, standoff: 6 },
        showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: muted, exponentformat: "SI" },
      yaxis: { ...axis, ...yFormat, type: logY ? "log" : "linear", exponentformat: "SI", ...(range && !logY ? { range } : {}),
 },
      ...this.#markShapes(shown, muted),
    };
  }

  #markShapes(shown, color) {
    const shapes = [], annotations = [];
    if (!this.marks || this.runs.length !== 1 || !shown.length) return { shapes, annotations };
    const run = this.runs[0], axis = run.axis(this.settings.values.x);
    if (!axis) return { shapes, annotations };
    const isLog = this.settings.values.logX && this.settings.values.x !== "clock";
    const mark = (step, label, dash) => {
      const at = axis(step);
      if (isLog && !(at > 0)) return;
      shapes.push({ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color, width: 1, dash }, layer: "below" });
      if (this.isTall) annotations.push({ x: isLog ? Math.log10(at) : at, yref: "paper", y: 1, yanchor: "top", xanchor: "left", xshift: 4, showarrow: false, text: label, font: { size: 11, color } });
    };
    for (const step of run.marks.resumes) mark(step, interpolate(gettext("resumed at %s"), [step.toLocaleString()]), "dash");
    return { shapes, annotations };
  }

  #drawLegend(drawn) {
    if (drawn.length < 2 || !this.hasLegend) { this.legend.replaceChildren(); return; }
    this.legend.replaceChildren(...drawn.map(({ line }) => {
      const item = document.createElement("button");
      item.type = "button";
      item.className = "legend-item";
      item.setAttribute("aria-pressed", String(!this.hidden.has(line.name)));
      const dot = document.createElement("i");
      dot.style.background = line.color;
      item.append(dot, line.name);
      item.addEventListener("click", () => this.#isolate(line.name));
      return item;
    }));
  }

  // A click shows this line alone; a click on the only one shown brings all back.
  #isolate(name) {
    const others = this.lines.map((line) => line.name).filter((other) => other !== name);
    const isAlone = !this.hidden.has(name) && others.every((other) => this.hidden.has(other));
    this.hidden = new Set(isAlone ? [] : others);
    this.draw();
  }

  #drawNote(drawn) {
    const unknown = drawn.filter((one) => !one.xs);
    if (unknown.length && unknown.length === drawn.length) {
      this.note.textContent = interpolate(gettext("This axis is unknown for %s."), [unknown.map((one) => one.line.run.name).join(", ")]);
      return;
    }
    const reduced = drawn.filter((one) => !one.found.exact);
    if (!reduced.length) {
      const isAsked = this.runs.some((run) => run.pending.size);
      this.note.textContent = drawn.length ? "" : isAsked ? gettext("Loading…") : gettext("Nothing measured yet.");
      return;
    }
    const [shown, all] = [(one) => one.found.steps.length, (one) => one.found.num_points].map((of) => reduced.reduce((sum, one) => sum + of(one), 0));
    this.note.textContent = interpolate(gettext("%s of %s points; each with the range it stands for"), [shown.toLocaleString(), all.toLocaleString()]);
  }

  // Zooming in fetches the stretch again, as fine as the screen can show.
  async #onZoom(change) {
    if (change["xaxis.autorange"]) { this.#resetZoom(); return; }
    const ends = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (ends.some((end) => end === undefined)) return;
    if (!this.drawn.some((one) => !one.found.exact)) return;
    const isLog = this.settings.values.logX && this.settings.values.x !== "clock";
    const [low, high] = ends.map((end) => this.settings.values.x === "clock" ? Date.parse(end) : isLog ? 10 ** end : Number(end));
    const zoomed = new Map();
    await Promise.all(this.runs.map(async (run) => {
      const mine = this.drawn.filter((one) => one.line.run === run && one.xs);
      const steps = mine.flatMap((one) => one.found.steps.filter((_, i) => Number(one.xs[i]) >= low && Number(one.xs[i]) <= high));
      if (!steps.length) return;
      const answer = await run.fetch(mine.map((one) => one.line.key), [Math.min(...steps), Math.max(...steps)]);
      for (const found of answer.series) zoomed.set(`${run.code} ${found.key}`, found);
    }));
    if (zoomed.size) { this.zoomed = zoomed; this.draw(); }
  }

  #resetZoom() {
    this.zoomed = null;
    this.draw();
    Plotly.relayout(this.plot, { "xaxis.autorange": true, "yaxis.autorange": true });
  }

  toggleFull() {
    const isFull = this.element.classList.toggle("is-full");
    document.body.classList.toggle("has-full", isFull);
    if (isFull) this.element.focus();
    Plotly.Plots.resize(this.plot);
  }

  #onKey(event) {
    if (!this.element.classList.contains("is-full")) return;
    if (event.key === "Escape") { this.toggleFull(); return; }
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const cards = [...document.querySelectorAll(".chart-card")].map((element) => element.chartCard).filter(Boolean);
    const next = cards[(cards.indexOf(this) + by + cards.length) % cards.length];
    this.toggleFull();
    next.setVisible(true);
    next.toggleFull();
    event.preventDefault();
  }

  #rows() {
    const { x } = this.settings.values;
    const steps = [...new Set(this.drawn.flatMap((one) => one.found.steps))].sort((a, b) => a - b);
    const columns = this.drawn.map((one) => new Map(one.found.steps.map((step, i) => [step, one.ys[i]])));
    const axis = this.drawn.find((one) => one.xs) && this.runs[0].axis(x);
    const withAxis = x !== "step" && axis;
    const head = [gettext("step"), ...(withAxis ? [axisTitle(x, this.runs) || x] : []), ...this.drawn.map((one) => one.line.name)];
    const text = (value) => (value instanceof Date ? value.toISOString() : value);
    return [head, ...steps.map((step) => [step, ...(withAxis ? [text(axis(step))] : []), ...columns.map((column) => (column.has(step) ? column.get(step) ?? "NaN" : ""))])];
  }

  #toggleTable(button) {
    this.table.hidden = !this.table.hidden;
    button?.setAttribute("aria-pressed", String(!this.table.hidden));
    if (!this.table.hidden) this.#fillTable();
  }

  #fillTable() {
    const [head, ...rows] = this.#rows();
    const table = document.createElement("table");
    const add = (parent, tag, cells, cell) => {
      const row = parent.appendChild(document.createElement(tag)).appendChild(document.createElement("tr"));
      for (const value of cells) {
        const item = row.appendChild(document.createElement(cell));
        item.className = "num";
        item.textContent = typeof value === "number" ? value.toLocaleString(undefined, { maximumSignificantDigits: 6 }) : value;
      }
    };
    add(table, "thead", head, "th");
    for (const row of rows.reverse()) add(table, "tbody", row, "td");
    this.table.replaceChildren(table);
  }

  #fileName(ending) {
    const runs = this.runs.map((run) => run.name).slice(0, 3).join("+");
    return `${runs}-${this.title}`.replaceAll(/[^\p{L}\p{N}+_-]+/gu, "-").toLowerCase() + `.${ending}`;
  }

  async #saveImage(format) {
    const { width, height } = this.plot.getBoundingClientRect();
    const layout = { ...this.plot.layout, paper_bgcolor: css("--surface"), title: { text: this.title, font: { size: 14 } }, margin: { l: 56, r: 16, t: 44, b: 44 } };
    const url = await Plotly.toImage({ data: this.plot.data, layout }, { format, width: Math.max(700, width), height: Math.max(420, height), scale: format === "png" ? 2 : 1 });
    const link = Object.assign(document.createElement("a"), { href: url, download: this.#fileName(format) });
    link.click();
  }

  #saveCsv() {
    saveText(this.#rows().map(csvRow).join("\r\n"), this.#fileName("csv"), "text/csv");
  }
}

window.addEventListener("beforeprint", () => printable());
