// The plan page's desk: sliders move numbers, the server answers at once on 1,000 paths and in full on release.

import { csrfToken, toast } from "./app.js";
import { start, update } from "./plan_plots.js";

const UNITS = { k: 1e3, K: 1e3, M: 1e6, m: 1e6, B: 1e9, b: 1e9, G: 1e9, T: 1e12, t: 1e12, "%": 0.01, "": 1 };

export function parseNumber(text) {
  const found = /^\s*([-+]?[\d_,]*\.?\d+(?:e[-+]?\d+)?)\s*([kKMmBbGTt%]?)\s*$/i.exec(text);
  return found ? Number(found[1].replace(/[,_]/g, "")) * UNITS[found[2]] : NaN;
}

export function shortNumber(value) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
  return String(Number(value.toPrecision(3)));
}

// A slider is logarithmic where its ends are positive and far apart; devices come in powers of two, as nodes do.
function scaleOf(slider) {
  const low = Number(slider.dataset.low);
  const high = Number(slider.dataset.high);
  const devices = slider.dataset.sliderFor === "id_most_accelerators";
  const log = low > 0 && high / low > 20;
  return {
    toValue: (share) => {
      const value = log ? low * (high / low) ** share : low + (high - low) * share;
      return devices ? 2 ** Math.round(Math.log2(value)) : value;
    },
    toShare: (value) => Math.min(1, Math.max(0, log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low))),
  };
}

function place(slider) {
  const field = document.getElementById(slider.dataset.sliderFor);
  const value = parseNumber(field.value || field.dataset.default || "");
  if (Number.isFinite(value)) slider.value = 1000 * scaleOf(slider).toShare(value);
}

class Desk {
  constructor(form) {
    this.form = form;
    this.flying = null; // the request under way
    this.next = null; // what to ask when it is back: only the latest matters
    this.status = form.querySelector("[data-live-state]");
    form.addEventListener("input", (event) => this.moved(event));
    form.addEventListener("change", (event) => {
      if (event.target.name !== "note") this.ask(true);
    });
    for (const slider of form.querySelectorAll("[data-slider-for]")) place(slider);
  }

  moved(event) {
    const slider = event.target.closest("[data-slider-for]");
    if (slider) document.getElementById(slider.dataset.sliderFor).value = shortNumber(scaleOf(slider).toValue(slider.value / 1000));
    else {
      const own = this.form.querySelector(`[data-slider-for="${event.target.id}"]`);
      if (own) place(own);
      if (event.target.matches("input:not([type=range])")) return; // typing asks when it is done
    }
    this.ask(false);
  }

  async ask(full) {
    if (this.flying) {
      this.next = { full };
      return;
    }
    this.flying = true;
    this.status.textContent = full ? this.status.dataset.full ?? "…" : "";
    const body = new FormData(this.form);
    body.set("full", full ? "1" : "0");
    try {
      const answer = await fetch(this.form.dataset.answerUrl, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } });
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.show(await answer.json());
    } catch (error) {
      toast(String(error.message ?? error), "error");
    }
    this.flying = null;
    const next = this.next;
    this.next = null;
    if (next) this.ask(next.full);
  }

  show(answer) {
    if (answer.error) {
      this.status.textContent = answer.error;
      this.status.classList.add("bad");
      return;
    }
    this.status.classList.remove("bad");
    this.status.textContent = answer.is_full ? "" : "1,000 paths";
    document.getElementById("plan-decision").innerHTML = answer.decision; // made by the server's own templates, escaped there
    const outputs = document.getElementById("plan-outputs"); // the overview shows the decision alone
    if (outputs) outputs.innerHTML = answer.outputs;
    update(answer.charts);
  }
}

start();
const form = document.getElementById("plan-form");
if (form && !("readOnly" in form.dataset)) new Desk(form);
else if (form) {
  for (const slider of form.querySelectorAll("[data-slider-for]")) place(slider);
  for (const field of form.elements) if (!field.closest("figure") && !field.matches(".where")) field.disabled = true;
}
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
