// A picture, and over it what a model gave: where it looked, or what it found.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"]; // as drawn in reports
export const SURE = 0.5;

export function pictureView(url, { heat, boxes }) {
  // The picture, and over it what the model gave: a heat map of where it looked, or boxes around what it found.
  const figure = document.createElement("figure");
  figure.className = "picture-view";
  const image = document.createElement("img");
  image.src = url;
  image.alt = "";
  figure.append(image);
  if (heat) figure.append(heatMap(heat));
  if (boxes) {
    figure.classList.add("is-whole");
    figure.append(boxesOver(boxes));
  }
  return figure;
}

function heatMap(heat) {
  const canvas = document.createElement("canvas");
  canvas.width = heat[0].length;
  canvas.height = heat.length;
  const context = canvas.getContext("2d");
  const cells = context.createImageData(canvas.width, canvas.height);
  heat.flat().forEach((value, i) => cells.data.set([255, 120, 0, Math.round(170 * value)], 4 * i));
  context.putImageData(cells, 0, 0);
  return canvas;
}

function boxesOver(boxes) {
  const drawing = document.createElementNS(SVG, "svg");
  const shown = boxes.filter((box) => box.probability >= SURE);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", shown.map((box) => `${box.label} ${Math.round(100 * box.probability)} %`).join(", "));
  for (const { corners, label, number, probability } of shown) {
    const [left, top, right, bottom] = corners.map((share) => 100 * share);
    const color = COLOURS[number % COLOURS.length];
    const place = { x: `${left}%`, y: `${top}%` };
    const size = { width: `${right - left}%`, height: `${bottom - top}%`, fill: "none" };
    drawing.append(part("rect", { ...place, ...size, stroke: "#000", "stroke-width": 5 }));
    drawing.append(part("rect", { ...place, ...size, stroke: color, "stroke-width": 3 }));
    const text = part("text", { ...place, dx: 3, dy: top < 6 ? 14 : -5, fill: color });
    text.textContent = `${label} ${Math.round(100 * probability)} %`;
    drawing.append(text);
  }
  return drawing;
}

function part(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
