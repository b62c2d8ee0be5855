// A picture, and over it where a model looked.

export function pictureView(url, heat) {
  // The picture, and over it the heat map: warm where the model looked.
  const figure = document.createElement("figure");
  figure.className = "picture-view";
  const image = document.createElement("img");
  image.src = url;
  image.alt = "";
  const canvas = document.createElement("canvas");
  canvas.width = heat[0].length;
  canvas.height = heat.length;
  const context = canvas.getContext("2d");
  const cells = context.createImageData(canvas.width, canvas.height);
  heat.flat().forEach((value, i) => cells.data.set([255, 120, 0, Math.round(170 * value)], 4 * i));
  context.putImageData(cells, 0, 0);
  figure.append(image, canvas);
  return figure;
}
