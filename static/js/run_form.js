// The form of a new run: sizes, a live estimate, config in and out, and a draft that survives a reload.

import { toast } from "./app.js";
import { saveText } from "./files.js";

const form = document.getElementById("run-form");
if (form) start();

function start() {
  const presets = JSON.parse(document.getElementById("presets").textContent);
  const draftName = `draft.${form.dataset.draft}`;
  const unsaved = new Set(["csrfmiddlewaretoken", "key", "fit_amount", "fit_kind"]);
  const $ = (selector) => document.querySelector(selector);
  let config = null, timer = null, asked = 0;

  const control = (name) => form.elements.namedItem(name);
  function values() {
    return Object.fromEntries([...form.elements].filter((item) => item.name && !unsaved.has(item.name))
      .map((item) => [item.name, item.type === "checkbox" ? item.checked : item.value]));
  }
  function put(found) {
    for (const [name, value] of Object.entries(found)) {
      const item = control(name);
      if (!item) continue;
      if (item.type === "checkbox") item.checked = Boolean(value);
      else item.value = value;
    }
    changed();
  }

  // --- sizes: they leave alone what the model is for ---
  const taskSettings = new Set(form.dataset.taskSettings.split(" ").map((name) => `model.${name}`));
  const sizesOf = (model) => Object.fromEntries(Object.entries(model).filter(([name]) => !taskSettings.has(name)));
  function markPreset() {
    for (const button of form.querySelectorAll("[data-preset]")) {
      const same = Object.entries(sizesOf(presets[button.dataset.preset])).every(([name, value]) => {
        const item = control(name);
        return !item || (item.type === "checkbox" ? item.checked === value : String(item.value) === String(value) || Number(item.value) === value);
      });
      button.setAttribute("aria-pressed", String(same));
    }
  }
  form.addEventListener("click", (event) => {
    const name = event.target.closest("[data-preset]")?.dataset.preset;
    if (!name) return;
    const found = sizesOf(presets[name]);
    const context = found["model.context_length"], length = control("batch.sequence_length");
    if (context && length) found["batch.sequence_length"] = context;
    put(found);
  });

  // --- a model to start from: its sizes come with it, the task stays ---
  const source = control("transfer.source");
  source?.addEventListener("change", () => {
    const shape = JSON.parse(source.dataset.sources)[source.value];
    if (!shape) return;
    const found = sizesOf(shape);
    const length = control("batch.sequence_length"), context = found["model.context_length"];
    if (length && context) found["batch.sequence_length"] = Math.min(Number(length.value) || context, context);
    put(found);
  });

  $("[data-fit]").addEventListener("click", async () => {
    const place = $("[data-fit-answer]");
    place.textContent = "…";
    const answer = await post(form.dataset.fitUrl);
    place.textContent = answer?.error ?? answer?.sentence ?? "";
    place.classList.toggle("bad", Boolean(answer?.error));
    if (answer?.values) put(answer.values);
  });

  // --- estimate ---
  async function post(url, extra = {}) {
    const body = new FormData(form);
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    try {
      const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      return await response.json();
    } catch (error) {
      toast(String(error.message ?? error), "error");
      return null;
    }
  }
  function changed() {
    localStorage.setItem(draftName, JSON.stringify(values()));
    markPreset();
    clearTimeout(timer);
    timer = setTimeout(estimate, 250);
  }
  async function estimate() {
    const number = ++asked;
    const answer = await post(form.dataset.estimateUrl);
    if (!answer || number !== asked) return;
    $("#estimate").innerHTML = answer.panel;
    config = answer.config;
    showErrors(answer.errors);
  }
  function showErrors(errors) {
    for (const item of form.querySelectorAll(".field.has-error")) {
      item.classList.remove("has-error");
      item.querySelectorAll(".error").forEach((old) => old.remove());
    }
    for (const [name, sentences] of Object.entries(errors)) {
      const field = control(name)?.closest?.(".field");
      if (!field) continue;
      field.classList.add("has-error");
      const section = field.closest("details");
      if (section) section.open = true;
      for (const sentence of sentences) {
        const line = Object.assign(document.createElement("p"), { className: "error", textContent: sentence });
        line.setAttribute("role", "alert");
        field.append(line);
      }
    }
  }

  // --- config in and out ---
  document.querySelector('[data-dialog="config-dialog"]').addEventListener("click", () => {
    $("#config-text").value = config ? JSON.stringify(config, null, 2) : gettext("Put right what is wrong in the form first.");
    $("[data-import-error]").textContent = "";
  });
  $("[data-export]").addEventListener("click", () => saveText($("#config-text").value, "run-config.json", "application/json"));
  $("[data-import]").addEventListener("click", async () => {
    const answer = await post(form.dataset.importUrl, { config: $("#config-text").value });
    if (!answer) return;
    if (answer.error) { $("[data-import-error]").textContent = answer.error; return; }
    if (answer.family !== control("family").value) {
      localStorage.setItem(draftName.replace(`.${control("family").value}`, `.${answer.family}`), JSON.stringify({ ...values(), ...answer.values, family: answer.family }));
      location.search = `?family=${answer.family}`;
      return;
    }
    put(answer.values);
    $("#config-dialog").close();
    toast(gettext("The config is in the form."));
  });

  // --- draft ---
  const forget = $("[data-forget]");
  forget?.addEventListener("click", () => { localStorage.removeItem(draftName); location.reload(); });
  form.addEventListener("submit", (event) => { // the draft stays when another button, such as the probe, sends the form elsewhere
    if (!event.submitter?.hasAttribute("formaction")) localStorage.removeItem(draftName);
  });
  form.addEventListener("input", changed);
  const draft = localStorage.getItem(draftName);
  if (draft && !form.querySelector(".has-error")) {
    try {
      const found = JSON.parse(draft);
      if (Object.entries(found).some(([name, value]) => String(values()[name] ?? "") !== String(value))) {
        put(found);
        if (forget) forget.hidden = false;
      }
    } catch { localStorage.removeItem(draftName); }
  }
  markPreset();
  estimate();
}
