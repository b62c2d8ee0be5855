// One crosshair over all charts of a page: where the pointer is in one, the others show their values too.

const cards = () => [...document.querySelectorAll(".chart-card")].map((element) => element.chartCard).filter(Boolean);

export function shareCrosshair(card) {
  const others = () => cards().filter((other) => other !== card && other.visible && other.drawn?.length && other.settings === card.settings);
  card.plot.on("plotly_hover", ({ points: [point] }) => {
    const xval = point.xaxis.d2c(point.x);
    for (const other of others()) Plotly.Fx.hover(other.plot, { xval }, ["xy"], true);
  });
  card.plot.on("plotly_unhover", () => {
    for (const other of others()) Plotly.Fx.unhover(other.plot);
  });
}
