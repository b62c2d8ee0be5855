// Charts of lines, markers and texts that each have an x of their own.
//   {"x": {"title", "type", "range"}, "y": {...}, "traces": [{"name", "mode", "x", "y", "color", ...}], "table": {"head", "rows"}}
// Colours are numbers of the palette, "text", "muted".

import { baseLayout, escapeHtml, palette } from "./plot_base.js";

export const tracePlot = (data, boxWidth) => ({ traces: data.traces.map(trace), layout: layoutOf(data, boxWidth) });

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
