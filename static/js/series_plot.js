// Charts of series over the same x: bars, stacked bars, lines.
//   {"kind": "stacked" | "bars" | "lines", "x": {"title", "values"}, "y": {"title", "prefix"}, "series": [{"name", "values"}]}
// `labels` names the points when the pointer is on them; `joined` draws a series' line over the places where it has none.
// A series may also say: kind, mode, dash, colour (its number), fill ("tonexty": the band down to the series before it),
// quiet (the edge of a band), base (where each bar begins), bars (the number of each bar's colour), text (at each point).

import { baseLayout, escapeHtml, palette } from "./plot_base.js";

export const seriesPlot = (data, boxWidth) => ({ traces: traces(data), layout: layoutOf(data, boxWidth) });

export function seriesTable(data) {
  const head = [data.x.title, ...data.series.map((series) => series.name)];
  return { head, rows: data.x.values.map((value, row) => [value, ...data.series.map((series) => series.values[row])]) };
}

function traces(data) {
  const colours = palette();
  return data.series.map((series, index) => {
    const colour = colours[(series.colour ?? index) % colours.length];
    return {
      type: (series.kind ?? data.kind) === "lines" ? "scatter" : "bar",
      mode: (series.kind ?? data.kind) === "lines" ? (series.mode ?? (series.fill || series.quiet ? "lines" : "lines+markers")) : undefined,
      name: escapeHtml(series.name),
      x: data.x.values,
      y: series.values,
      text: (series.text ?? data.labels)?.map(escapeHtml),
      textposition: (series.kind ?? data.kind) === "lines" ? "top center" : "outside",
      base: series.base,
      fill: series.fill,
      fillcolor: series.fill ? `${colour}26` : undefined,
      connectgaps: series.fill !== undefined || series.joined === true,
      showlegend: !series.quiet,
      line: { color: colour, dash: series.dash, width: series.fill || series.quiet ? 0 : 2 },
      marker: { color: series.bars?.map((bar) => colours[bar % colours.length]) ?? colour, size: series.quiet || series.fill ? 0 : 6 },
      hoverinfo: series.fill || series.quiet ? "skip" : undefined,
      hovertemplate: series.fill || series.quiet ? undefined : `${data.labels ? "%{text}: " : ""}${data.y.prefix ?? ""}%{y:.3~g}`,
    };
  });
}

// 1, 2 and 5 of every decade, each told whole: "$0.005", not a bare 5. Where there are many decades, their firsts alone.
function logTicks(values, prefix) {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const steps = high - low > 1.5 ? [1] : [1, 2, 5];
  const tickvals = [];
  const ticktext = [];
  for (let decade = Math.floor(low) - 1; decade <= Math.ceil(high); decade += 1) {
    for (const step of steps) {
      const value = Number(`${step}e${decade}`);
      tickvals.push(value);
      ticktext.push(prefix + (decade < 0 ? value.toFixed(-decade) : value.toLocaleString("en")));
    }
  }
  return { tickmode: "array", tickvals, ticktext };
}

// Names stand level, in as many lines as they need, where their longest word has room; of what has an order every so many
// are named.
function categoryTicks({ values, is_ordered }, width) {
  const longest = Math.max(1, ...values.flatMap((name) => String(name).split(" ")).map((word) => word.length));
  const fitting = Math.max(1, Math.floor((width - 70) / (7 * longest + 8)));
  if (is_ordered) return { tickangle: 0, tick0: 0, dtick: Math.ceil(values.length / fitting) };
  if (values.length > fitting) return {};
  const letters = Math.floor((width - 70) / values.length / 7) - 1;
  return { tickangle: 0, tickvals: values, ticktext: values.map((name) => broken(String(name), Math.max(letters, longest))) };
}

function broken(text, letters) {
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(escapeHtml).join("<br>");
}

function layoutOf(data, boxWidth) {
  const layout = baseLayout(data.x.title, data.y.title);
  layout.barmode = data.kind === "stacked" ? "stack" : "group";
  layout.bargap = 0.3;
  layout.yaxis.tickprefix = data.y.prefix ?? "";
  layout.yaxis.exponentformat = "none"; // no SI prefixes on money
  layout.yaxis.rangemode = "tozero";
  if (data.labels) layout.hovermode = "closest";
  if (data.x.prefix) Object.assign(layout.xaxis, { tickprefix: data.x.prefix, exponentformat: "none" });
  layout.xaxis.type = data.x.type ?? "category";
  layout.xaxis.nticks = data.x.type === "date" ? 8 : 12;
  if (data.x.type === "date" && data.x.values.length < 8) Object.assign(layout.xaxis, { tickvals: data.x.values, tickformat: "%b %-d<br>%Y" }); // no hours of a day
  if (data.x.is_whole) layout.xaxis.dtick = Math.max(1, Math.ceil(data.x.values.length / 12)); // no half jobs
  if (data.x.type === "log") Object.assign(layout.xaxis, { tickprefix: "", ...logTicks(data.x.values, data.x.prefix ?? "") });
  if (!data.x.type) Object.assign(layout.xaxis, categoryTicks(data.x, boxWidth));
  if (data.y.type) layout.yaxis.type = data.y.type;
  if (data.y.decades) layout.yaxis.dtick = 1; // powers of ten alone
  if (data.y.free) layout.yaxis.rangemode = "normal";
  layout.showlegend = data.series.length > 1;
  return layout;
}
