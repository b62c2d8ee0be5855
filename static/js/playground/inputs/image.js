// A picture that is chosen, dropped or pasted becomes an event `picture` of the page: {name, url, base64}.

export function mount(page) {
  const zone = document.getElementById("picture");
  const input = zone.querySelector("input[type=file]");
  const take = (file) => {
    if (!file || input.disabled) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const base64 = reader.result.slice(reader.result.indexOf(",") + 1);
      page.dispatchEvent(new CustomEvent("picture", { detail: { name: file.name, url: reader.result, base64 } }));
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
