// The playground: a line to the models, one or two of them side by side, and a module for each thing they can do.

import { Line } from "./playground/line.js";
import { Page } from "./playground/page.js";

function compare(page, on) {
  const [first, second] = page.sides();
  const sides = document.getElementById("sides");
  if (on && !second) {
    const copy = first.cloneNode(true);
    copy.dataset.side = "b";
    copy.querySelector(".output").replaceChildren();
    copy.querySelector(".measure").textContent = "";
    sides.append(copy);
    const select = copy.querySelector(".checkpoint");
    select.selectedIndex = Math.min(first.querySelector(".checkpoint").selectedIndex + 1, select.options.length - 1);
  } else if (!on && second) {
    second.remove();
  }
  sides.classList.toggle("two", on);
  document.getElementById("blind-choice").hidden = !on;
  page.showAbilities();
}

async function start(root) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const line = new Line(`${scheme}://${location.host}/ws/playground/${root.dataset.project}/`, {
    lost: root.dataset.textLost,
    onState: (isOpen) => (document.getElementById("connection").hidden = isOpen),
  });
  const page = new Page(root, line);
  const modules = [...root.querySelectorAll("[data-module]")].map((part) => part.dataset.module);
  for (const module of await Promise.all(modules.map((url) => import(url)))) module.mount(page);
  for (const button of root.querySelectorAll("[data-stop]")) button.addEventListener("click", () => page.stop());
  document.getElementById("compare").addEventListener("change", (event) => compare(page, event.target.checked));
  document.getElementById("sides").addEventListener("change", (event) => {
    if (event.target.matches(".checkpoint")) page.another(event.target.closest(".side"));
  });
  document.getElementById("sampling")?.addEventListener("submit", (event) => event.preventDefault());
  page.showAbilities();
}

const root = document.getElementById("playground");
if (root) start(root);

// The quote beside a table's button needs the size of the file that was chosen, which no form field tells.
for (const size of document.querySelectorAll("[data-size-of]")) {
  document.getElementById(size.dataset.sizeOf).addEventListener("change", (event) => {
    size.value = event.target.files[0]?.size ?? "";
  });
}
