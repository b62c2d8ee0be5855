// A picture that is chosen, dropped or pasted becomes an event `picture` of the page: {name, url, base64}.

const MOST_BYTES = 2e6; // what is larger, as photographs are, is made smaller here: no model sees so many pixels
const MOST_SIDE = 2048;

export function mount(page) {
  const zone = document.getElementById("picture");
  const input = zone.querySelector("input[type=file]");
  const take = async (chosen) => {
    if (!chosen || input.disabled) return;
    const file = await sendable(chosen);
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const base64 = reader.result.slice(reader.result.indexOf(",") + 1);
      page.dispatchEvent(new CustomEvent("picture", { detail: { name: chosen.name, url: reader.result, base64 } }));
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

async function sendable(file) {
  if (file.size <= MOST_BYTES) return file;
  const bitmap = await createImageBitmap(file).catch(() => null); // null: no form that this browser draws
  if (!bitmap) return file;
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // the ground that what is transparent is put on in training, too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}
