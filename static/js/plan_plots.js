// Draws a plan's charts: <figure class="plan-plot" data-chart="ID"> with its data as JSON beside it (webapp/planning/charts.py):
//   {"title", "x": axis, "y": axis, "traces": [{"t": "line" | "points" | "band" | "bars" | "contour" | "heat", ...}], "marks", "table"}
// SVG traces only. Colours come from the stylesheet and follow the theme.

import { act, tableElement } from "./plot_actions.js";
import { baseLayout, escapeHtml, palette } from "./plot_base.js";
import { printable } from "./printing.js";

const state = new Map(); // figure -> its data as drawn

function faint(colour, share) {
  const value = Math.round(share * 255).toString(16).padStart(2, "0");
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour + value : colour;
}

const DRAW = {
  line: (t, colour) => [{
    type: "scatter", mode: t.markers ? "lines+markers" : "lines", x: t.x, y: t.y, connectgaps: false,
    line: { color: colour, width: t.width ?? 2, dash: t.dash ? "dash" : "solid" }, opacity: t.opacity ?? 1,
    yaxis: t.right ? "y2" : "y",
  }],
  points: (t, colour) => [{
    type: "scatter", mode: "markers", x: t.x, y: t.y,
    marker: { color: t.hollow ? "rgba(0,0,0,0)" : colour, size: t.size ?? 8, line: { color: colour, width: t.hollow ? 2 : 0 } },
  }],
  band: (t, colour) => [
    { type: "scatter", mode: "lines", x: t.x, y: t.low, line: { width: 0, color: colour }, showlegend: false, hoverinfo: "skip" },
    { type: "scatter", mode: "lines", x: t.x, y: t.high, line: { width: 0, color: colour }, fill: "tonexty", fillcolor: faint(colour, 0.2), hoverinfo: "skip" },
  ],
  bars: (t, colour) => [{
    type: "bar", x: t.h ? t.x : t.x.map((name) => escapeHtml(name).replaceAll(" ", "<br>")), y: t.y, orientation: t.h ? "h" : "v", marker: { color: colour }, text: t.text, textposition: "outside", cliponaxis: false,
  }],
  contour: (t, colour) => [{ // drawn anew from the same rows, as for paper, Plotly's contours would miss their own
    type: "contour", x: t.x, y: t.y, z: t.z.map((row) => [...row]), ncontours: 24, showscale: false, line: { color: colour, width: 1 },
    contours: { coloring: "none", showlabels: true, labelfont: { size: 10, color: colour } },
    hovertemplate: "%{x:.3s} × %{y:.3s}: %{z:.3f}<extra></extra>",
  }],
  heat: (t, colour) => [{
    type: "heatmap", x: t.x, y: t.y, z: t.z.map((row) => row.map((n) => (n ? Math.log10(n + 1) : null))), showscale: false,
    colorscale: [[0, faint(colour, 0.08)], [1, faint(colour, 0.55)]], hoverinfo: "skip",
  }],
};

function traces(data) {
  const colours = palette();
  return data.traces.flatMap((t) => {
    const colour = colours[((t.c ?? 1) - 1) % colours.length];
    const made = DRAW[t.t](t, t.t === "heat" ? colours[4] : colour);
    made[made.length - 1].name = escapeHtml(t.name);
    return made;
  });
}

// The largest number that the traces have along an axis: SI prefixes are for thousands, half a dollar is no 500m.
function farthestOf(data, name) {
  const keys = name === "x" ? ["x"] : ["y", "low", "high"];
  const values = data.traces.flatMap((t) => (t.right ? [] : keys.flatMap((key) => t[key] ?? [])));
  return Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
}

function setAxis(target, axis, farthest) {
  target.title = { text: escapeHtml(axis.title), standoff: 10 };
  target.tickprefix = axis.prefix ?? "";
  if (axis.category) Object.assign(target, { type: "category", tickangle: 0 });
  else if (axis.log) Object.assign(target, { type: "log", dtick: undefined, nticks: 8, exponentformat: "SI", minexponent: 3 });
  if (axis.log) target.dtick = axis.ends ? "D2" : 1;
  if (axis.log && axis.ends) target.range = axis.ends.map((end) => Math.log10(end));
  if (axis.percent) Object.assign(target, { tickformat: ".0%", rangemode: "tozero" });
  else if (!axis.category) target.tickformat = target.tickformat ?? (farthest < 1e3 && !axis.log ? "~r" : "~s");
  return target;
}

// SI prefixes as people of the field say them: a billion is B, not G; a thousandth of a dollar is $0.001, not $1m.
const SMALL = { m: 1e-3, µ: 1e-6 };
function plainPrefixes(box) {
  for (const text of box.querySelectorAll(".xtick text, .ytick text, .y2tick text")) {
    if (text.querySelector("tspan")) continue;
    const said = text.textContent.replace(/(\d)G$/, "$1B").replace(/([\d.]+)([mµ])$/, (_, number, unit) => Number((number * SMALL[unit]).toPrecision(6)));
    if (said !== text.textContent) text.textContent = said;
  }
}

function layoutOf(data) {
  const layout = baseLayout(data.x.title, data.y.title);
  setAxis(layout.xaxis, data.x, farthestOf(data, "x"));
  setAxis(layout.yaxis, data.y, farthestOf(data, "y"));
  layout.hovermode = "closest";
  layout.hoverlabel.align = "left";
  layout.barmode = data.overlay ? "overlay" : "group";
  layout.bargap = 0.35;
  layout.margin = { l: 56, r: 16, t: 8, b: 40 };
  layout.showlegend = false; // ours stands above the chart, and wraps where there is no room
  if (data.right) {
    layout.yaxis2 = { ...layout.yaxis, title: { text: escapeHtml(data.right.title), standoff: 10 }, overlaying: "y", side: "right", range: [0, 1], tick0: 0, dtick: 0.25, tickformat: ".0%", tickprefix: "", showgrid: false };
    layout.margin.r = 56;
  }
  layout.shapes = [];
  layout.annotations = [];
  const css = getComputedStyle(document.documentElement);
  const [line, ground] = ["--muted", "--surface"].map((name) => css.getPropertyValue(name).trim());
  if (data.zero) layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: 0, y1: 0, line: { color: line, width: 1 } });
  for (const mark of data.marks ?? []) {
    const across = mark.y !== undefined;
    const at = across ? mark.y : mark.x;
    const axis = across ? data.y : data.x;
    const value = axis.log ? Math.log10(at) : at;
    if (axis.ends && (at < axis.ends[0] || at > axis.ends[1])) continue;
    layout.shapes.push({ type: "line", line: { color: line, width: 1, dash: "dot" }, ...(across ? { xref: "paper", x0: 0, x1: 1, y0: at, y1: at } : { yref: "paper", y0: 0, y1: 1, x0: at, x1: at }) });
    layout.annotations.push({ text: escapeHtml(mark.text), showarrow: false, font: { size: 11 }, bgcolor: ground, borderpad: 1, ...(across ? { xref: "paper", x: 0.01, xanchor: "left", y: value, yanchor: "bottom" } : { yref: "paper", y: 1, yanchor: "top", x: value, xanchor: "left", xshift: 4 }) });
  }
  return layout;
}

function legend(figure, data) {
  const colours = palette();
  const wanted = data.traces.length > 1 ? data.traces : [];
  const items = wanted.map((t) => {
    const item = document.createElement("span");
    item.className = `legend-key is-${t.t}${t.dash ? " is-dashed" : ""}`;
    item.style.setProperty("--key", t.t === "heat" ? colours[4] : colours[((t.c ?? 1) - 1) % colours.length]);
    item.textContent = t.name;
    return item;
  });
  let holder = figure.querySelector(".legend");
  if (!holder) {
    holder = document.createElement("div");
    holder.className = "legend";
    figure.querySelector(".chart").before(holder);
  }
  holder.replaceChildren(...items);
}

async function draw(figure) {
  const data = state.get(figure);
  const box = figure.querySelector(".chart");
  legend(figure, data);
  await window.Plotly.react(box, traces(data), layoutOf(data), { displayModeBar: false, responsive: true });
  plainPrefixes(box);
  const wrap = figure.querySelector(".plot-table");
  if (!wrap.hidden) wrap.replaceChildren(tableElement(tableOf(data)));
}

const tableOf = ({ table }) => ({ head: table.columns, rows: table.rows });

// Charts of a new answer take the place of the old ones; those it does not have stay as they are, marked as older.
export function update(charts) {
  for (const figure of state.keys()) {
    const fresh = charts[figure.dataset.chart];
    figure.classList.toggle("is-older", !fresh);
    if (!fresh) continue;
    state.set(figure, fresh);
    draw(figure);
  }
}

export function start() {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "1200px" });
  for (const figure of document.querySelectorAll("figure.plan-plot[data-chart]")) {
    state.set(figure, JSON.parse(document.getElementById(figure.dataset.chart).textContent));
    seen.observe(figure);
    figure.addEventListener("click", (event) => {
      const action = event.target.closest("[data-plot-action]")?.dataset.plotAction;
      if (action) act(figure, action, { name: figure.dataset.chart, table: tableOf(state.get(figure)) });
    });
  }
  document.addEventListener("theme", () => { for (const figure of state.keys()) draw(figure); });
  window.addEventListener("beforeprint", () => {
    for (const figure of state.keys()) draw(figure);
    printable();
  });
}
