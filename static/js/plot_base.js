// What all charts share: the palette and the layout from the stylesheet, names made safe, files to save.

const CSS = () => getComputedStyle(document.documentElement);

export function palette() {
  const css = CSS();
  return Array.from({ length: 8 }, (_, i) => css.getPropertyValue(`--series-${i + 1}`).trim());
}

export function baseLayout(titleX, titleY) {
  const css = CSS();
  const text = css.getPropertyValue("--muted").trim();
  const line = css.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, tickfont: { size: 11 } };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css.getPropertyValue("--sans"), color: text, size: 12 },
    margin: { l: 48, r: 8, t: 8, b: 40 },
    xaxis: { ...axis, title: { text: escapeHtml(titleX), standoff: 10 } },
    yaxis: { ...axis, title: { text: escapeHtml(titleY), standoff: 10 } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: css.getPropertyValue("--surface").trim(), font: { color: css.getPropertyValue("--text").trim() } },
  };
}

// Plotly reads a little HTML in its labels; names come from users.
export function escapeHtml(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
