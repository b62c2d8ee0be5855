// The dataset's page: taking back what was just done, the file panel, switches of the comparison.

import { csrfToken } from "./app.js";

const UNDO = { "undo:": "/datasets/", "undo-file:": "/files/" };

// A message tagged `undo:<code>` gets a button that brings the row back.
for (const message of document.querySelectorAll(".messages .notice")) {
  for (const [tag, place] of Object.entries(UNDO)) {
    const found = [...message.classList].find((name) => name.startsWith(tag));
    if (!found) continue;
    const form = document.createElement("form");
    form.method = "post";
    form.action = `${place}${found.slice(tag.length)}/restore/`;
    form.className = "inline";
    const token = Object.assign(document.createElement("input"), { type: "hidden", name: "csrfmiddlewaretoken", value: csrfToken() });
    const undo = Object.assign(document.createElement("button"), { className: "button small", textContent: document.documentElement.dataset.wordUndo ?? "Undo" });
    form.append(token, undo);
    message.append(" ", form);
  }
}

for (const select of document.querySelectorAll("[data-submit-on-change]")) select.addEventListener("change", () => select.form.requestSubmit());
for (const box of document.querySelectorAll("[data-differences]")) {
  const table = box.closest(".compare");
  const show = () => table.classList.toggle("only-differences", box.checked);
  box.addEventListener("change", show);
  show();
}
for (const link of document.querySelectorAll("[data-dialog-link]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.dataset.dialogLink).showModal();
  });
}
