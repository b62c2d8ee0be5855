// What the buttons above a chart do: show its table, save it as CSV, SVG or PNG.
//   table: {"head": [text], "rows": [[text or number]]}

import { download } from "./plot_base.js";

function cellText(value) {
  if (typeof value !== "number") return value ?? "–";
  return Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 6 });
}

export function tableElement({ head, rows }) {
  const item = document.createElement("table");
  const top = item.createTHead().insertRow();
  for (const text of head) {
    const cell = document.createElement("th");
    cell.textContent = text;
    top.append(cell);
  }
  const body = item.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      cell.textContent = cellText(value);
      if (typeof value === "number") cell.className = "num";
    }
  }
  return item;
}

function csv({ head, rows }) {
  const quote = (value) => `"${String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  return [head, ...rows].map((row) => row.map((value) => (typeof value === "number" ? value : quote(value))).join(",")).join("\r\n");
}

export function act(figure, action, { name, table }) {
  if (action === "csv") download(`${name}.csv`, csv(table), "text/csv");
  if (action === "png" || action === "svg") {
    window.Plotly.downloadImage(figure.querySelector(".chart"), { format: action, filename: name, width: 1200, height: 650, scale: action === "png" ? 2 : 1 });
  }
  if (action === "table") {
    const wrap = figure.querySelector(".plot-table");
    wrap.hidden = !wrap.hidden;
    if (!wrap.hidden) wrap.replaceChildren(tableElement(table));
  }
}
