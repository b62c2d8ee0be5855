// Ladders and fits: draws <figure data-ladder-plot="ID"> from JSON in the page, and again when a part of the page is new.
//   {"x": {"title", "type", "range"}, "y": {...}, "traces": [{"name", "mode", "x", "y", "color", ...}], "table": {"head", "rows"}}
// Lines, markers and text only: SVG. Colours are numbers of the palette, "text", "muted"; they follow the theme.

import { baseLayout, download, escapeHtml, palette } from "./plots.js";

const drawn = new Map(); // figure id -> its data, so that a poll that brings nothing new draws nothing

function colorOf(name) {
  const css = getComputedStyle(document.documentElement);
  if (typeof name === "number") return palette()[(name - 1) % 8];
  return css.getPropertyValue(`--${name ?? "text"}`).trim();
}

function trace(item) {
  const color = colorOf(item.color);
  const made = {
    type: "scatter", mode: item.mode, name: escapeHtml(item.name), x: item.x, y: item.y, opacity: item.opacity ?? 1,
    showlegend: item.legend !== false, line: { color, width: item.width ?? 1.6, dash: item.dash ?? "solid" },
    marker: { color, size: 9, symbol: item.symbols ?? item.symbol ?? "circle", line: { width: 1.6, color } },
    text: item.text?.map(escapeHtml), textfont: { color, size: 11 }, textposition: "middle center", cliponaxis: true,
  };
  if (item.fill) Object.assign(made, { fill: "toself", fillcolor: color, opacity: 0.16, line: { width: 0 }, hoverinfo: "skip" });
  if (item.error) made.error_y = { type: "data", symmetric: false, array: [item.error[0]], arrayminus: [item.error[1]], color, thickness: 2.5, width: 9 };
  if (item.mode === "text") made.hoverinfo = "skip";
  else made.hovertemplate = item.hover ? `${escapeHtml(item.hover)}<extra></extra>` : "%{x:.3~s} · %{y:.4~g}";
  return made;
}

function axis(base, wanted) {
  const made = { ...base, type: wanted.type ?? "linear", exponentformat: "SI" };
  if (wanted.type === "log") {
    made.tickformat = "~s";
    made.nticks = 8;
    made.minor = { showgrid: false };
    made.dtick = "D2";
    if (wanted.range) made.range = wanted.range.map(Math.log10);
    const span = wanted.range ? Math.log10(wanted.range[1] / wanted.range[0]) : 1;
    if (span > 2.2) made.dtick = 1;
  } else {
    made.tickformat = ".4~g";
  }
  return made;
}

function layoutOf(data, boxWidth) {
  const layout = baseLayout(data.x.title, data.y.title);
  layout.xaxis = axis(layout.xaxis, data.x);
  layout.yaxis = axis(layout.yaxis, data.y);
  layout.hovermode = "closest";
  layout.margin = { l: 56, r: 12, t: 8, b: 44 };
  // at the foot of the picture, with room for as many lines as its names take
  const names = data.traces.filter((item) => item.legend !== false && item.mode !== "text").map((item) => item.name);
  const width = names.reduce((sum, name) => sum + 46 + name.length * 6.2, 0);
  const lines = Math.ceil(width / Math.max(200, boxWidth - 80));
  layout.margin.b = 48 + 19 * lines;
  layout.legend = { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, font: { size: 11 } };
  layout.showlegend = names.length > 1;
  return layout;
}

function dataOf(figure) {
  const node = document.getElementById(figure.dataset.ladderPlot);
  return node ? { text: node.textContent, data: JSON.parse(node.textContent) } : null;
}

function draw(figure, force = false) {
  const found = dataOf(figure);
  if (!found) return;
  const box = figure.querySelector(".chart");
  if (!force && box.dataset.drawn && drawn.get(figure.dataset.ladderPlot) === found.text) return;
  drawn.set(figure.dataset.ladderPlot, found.text);
  box.dataset.drawn = "1";
  window.Plotly.react(box, found.data.traces.map(trace), layoutOf(found.data, box.clientWidth), { displayModeBar: false, responsive: true });
}

function table(data) {
  const item = document.createElement("table");
  item.className = "tight";
  const head = item.createTHead().insertRow();
  for (const text of data.table.head) {
    const cell = document.createElement("th");
    cell.textContent = text;
    head.append(cell);
  }
  const body = item.createTBody();
  for (const row of data.table.rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      cell.textContent = typeof value === "number" ? Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 6 }) : (value ?? "–");
      if (typeof value === "number") cell.className = "num";
    }
  }
  return item;
}

function csv(data) {
  const quote = (value) => `"${String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  return [data.table.head, ...data.table.rows].map((row) => row.map((value) => (typeof value === "number" ? value : quote(value))).join(",")).join("\r\n");
}

function act(figure, action) {
  const { data } = dataOf(figure);
  const name = figure.dataset.ladderPlot;
  if (action === "csv") download(`${name}.csv`, csv(data), "text/csv");
  if (action === "png" || action === "svg") {
    window.Plotly.downloadImage(figure.querySelector(".chart"), { format: action, filename: name, width: 1200, height: 700, scale: action === "png" ? 2 : 1 });
  }
  if (action === "table") {
    const wrap = figure.querySelector(".plot-table");
    wrap.hidden = !wrap.hidden;
    if (!wrap.hidden) wrap.replaceChildren(table(data));
  }
}

const figures = () => document.querySelectorAll("figure.plot[data-ladder-plot]");
const drawAll = (force) => { for (const figure of figures()) draw(figure, force); };

document.addEventListener("click", (event) => {
  const button = event.target.closest("figure[data-ladder-plot] [data-plot-action]");
  if (button) act(button.closest("figure"), button.dataset.plotAction);
});
document.addEventListener("theme", () => drawAll(true));
document.addEventListener("htmx:afterSwap", () => drawAll(false));
drawAll(true);

// A form control that is clicked while the page polls must not be taken away under the hand.
document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  if (target?.id === "ladder-live" && target.contains(document.activeElement) && document.activeElement !== document.body) {
    event.detail.shouldSwap = false;
  }
});

// The wizard asks again when a row of its proposal is edited.
document.addEventListener("change", (event) => {
  const form = event.target.closest("#ladder-wizard");
  if (form && event.target.closest("#proposal")) htmx.trigger(form.querySelector("[data-requote]"), "requote");
});
