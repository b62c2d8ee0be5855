// Pictures for a model: chosen or dropped, read as base64, and shown with where the model looked.

export function onPicture(zone, handle) {
  // Call `handle` with {name, url, base64} for each picture that is chosen in the zone, dropped on it or pasted.
  if (!zone) return;
  const input = zone.querySelector("input[type=file]");
  const take = (file) => {
    if (!file || input.disabled) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      handle({ name: file.name, url: reader.result, base64: reader.result.slice(reader.result.indexOf(",") + 1) });
    });
    reader.readAsDataURL(file);
  };
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
  for (const name of ["dragover", "drop"]) zone.addEventListener(name, (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!zone.hidden) take(file);
  });
}

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
