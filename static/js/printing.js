// Charts on paper: Plotly draws for the width of the screen; a view box lets each drawing shrink to the column it is printed in.

const drawings = () => document.querySelectorAll(".chart .main-svg");

export function printable() {
  for (const drawing of drawings()) {
    const [width, height] = ["width", "height"].map((name) => Number(drawing.getAttribute(name)));
    if (width && height) drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }
}

window.addEventListener("afterprint", () => { for (const drawing of drawings()) drawing.removeAttribute("viewBox"); });
