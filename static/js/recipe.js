// The recipe form: steps that are off are dimmed, and changes that were not sent survive a reload.

const form = document.getElementById("recipe");
const note = document.querySelector("[data-draft-note]");
const key = form.dataset.draft;
const fields = () => [...form.elements].filter((item) => item.name && item.name !== "csrfmiddlewaretoken");
const read = () => fields().map((item) => [item.name, item.value, item.type === "checkbox" ? item.checked : null]);
const before = JSON.stringify(read());

function dim() {
  for (const step of form.querySelectorAll("[data-step]")) {
    step.classList.toggle("is-off", !step.querySelector(".switch input").checked);
  }
}

function keep() {
  const now = JSON.stringify(read());
  if (now === before) localStorage.removeItem(key);
  else localStorage.setItem(key, JSON.stringify({ begunWith: form.dataset.begunWith, values: now }));
}

function bringBack() {
  const saved = JSON.parse(localStorage.getItem(key) ?? "null");
  if (!saved || saved.begunWith !== form.dataset.begunWith || saved.values === before) return;
  for (const [name, value, checked] of JSON.parse(saved.values)) {
    const item = fields().find((field) => field.name === name && (checked === null || field.value === value));
    if (!item) continue;
    if (checked === null) item.value = value;
    else item.checked = checked;
  }
  note.hidden = false;
}

form.addEventListener("input", () => {
  dim();
  keep();
});
form.addEventListener("submit", () => localStorage.removeItem(key));
document.querySelector("[data-draft-drop]").addEventListener("click", () => {
  localStorage.removeItem(key);
  location.reload();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "trial") event.detail.target.scrollIntoView({ behavior: "smooth", block: "start" });
});
bringBack();
dim();
