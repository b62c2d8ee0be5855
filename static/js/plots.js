// Draws each <figure class="plot" data-plot="ID"> whose data lies in the page as JSON, and again when a part of the page is
// new. What the data may say stands in series_plot.js and trace_plot.js. Each can be read as a table and downloaded.
// SVG alone; colours come from the stylesheet, and follow the theme.

import { act } from "./plot_actions.js";
import { seriesPlot, seriesTable } from "./series_plot.js";
import { tracePlot } from "./trace_plot.js";

const drawn = new Map(); // figure's ID -> its data, so that a poll that brings nothing new draws nothing

const textOf = (figure) => document.getElementById(figure.dataset.plot).textContent;

function draw(figure, isForced) {
  const box = figure.querySelector(".chart");
  const [name, text] = [figure.dataset.plot, textOf(figure)];
  if (!isForced && box.dataset.drawn && drawn.get(name) === text) return;
  drawn.set(name, text);
  box.dataset.drawn = "1";
  const data = JSON.parse(text);
  const { traces, layout } = (data.traces ? tracePlot : seriesPlot)(data, box.clientWidth);
  window.Plotly.react(box, traces, layout, { displayModeBar: false, responsive: true });
}

function drawAll(isForced) {
  for (const figure of document.querySelectorAll("figure.plot[data-plot]")) draw(figure, isForced);
}

document.addEventListener("click", (event) => {
  const figure = event.target.closest("figure.plot[data-plot]");
  const action = event.target.closest("[data-plot-action]")?.dataset.plotAction;
  if (!figure || !action) return;
  const data = JSON.parse(textOf(figure));
  act(figure, action, { name: figure.dataset.plot, table: data.table ?? seriesTable(data) });
});
document.addEventListener("theme", () => drawAll(true));
document.addEventListener("htmx:afterSwap", () => drawAll(false));
drawAll(true);
