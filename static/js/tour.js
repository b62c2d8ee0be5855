// A first-visit tour: a page brings its steps in <template data-tour-steps="NAME">, each with the selector it points at.
// Shown once by itself (remembered in this browser) and again by any [data-tour="NAME"] button.

const SEEN = "tour-seen:";

function stepsOf(name) {
  const template = document.querySelector(`template[data-tour-steps="${name}"]`);
  return template ? [...template.content.children] : [];
}

function place(box, target) {
  const room = target.getBoundingClientRect();
  const below = room.bottom + 12 + box.offsetHeight < window.innerHeight;
  const top = below ? room.bottom + 12 : Math.max(12, room.top - box.offsetHeight - 12);
  const left = Math.min(Math.max(12, room.left), window.innerWidth - box.offsetWidth - 12);
  box.style.top = `${top}px`;
  box.style.left = `${left}px`;
}

function button(text, action, kind = "") {
  const item = document.createElement("button");
  item.type = "button";
  item.className = `button small ${kind}`;
  item.textContent = text;
  item.addEventListener("click", action);
  return item;
}

export function startTour(name) {
  const steps = stepsOf(name).filter((step) => document.querySelector(step.dataset.target));
  if (!steps.length || document.querySelector(".tour")) return;
  const box = document.createElement("div");
  box.className = "tour";
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-live", "polite");
  document.body.append(box);
  let index = 0;

  const end = () => {
    document.querySelector(".tour-target")?.classList.remove("tour-target");
    box.remove();
    removeEventListener("keydown", onKey);
    localStorage.setItem(SEEN + name, "1");
  };
  const show = () => {
    document.querySelector(".tour-target")?.classList.remove("tour-target");
    const step = steps[index];
    const target = document.querySelector(step.dataset.target);
    if (!target) {
      end();
      return;
    }
    target.classList.add("tour-target");
    target.scrollIntoView({ block: "nearest" });
    const labels = document.querySelector(`template[data-tour-steps="${name}"]`).dataset;
    const row = document.createElement("div");
    row.className = "row spread";
    const count = document.createElement("span");
    count.className = "muted small";
    count.textContent = `${index + 1} / ${steps.length}`;
    const last = index === steps.length - 1;
    const next = button(last ? labels.done : labels.next, () => (last ? end() : (index++, show())), "primary");
    row.append(count, button(labels.skip, end, "quiet"), next);
    box.replaceChildren(...[...step.cloneNode(true).childNodes], row);
    place(box, target);
    next.focus();
  };
  const onKey = (event) => {
    if (event.key === "Escape") end();
    if (event.key === "ArrowRight" && index < steps.length - 1) (index++, show());
    if (event.key === "ArrowLeft" && index > 0) (index--, show());
  };
  addEventListener("keydown", onKey);
  show();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("button[data-tour]");
  if (opener) startTour(opener.dataset.tour);
});

const first = document.querySelector("template[data-tour-steps]")?.dataset.tourSteps;
if (first && !localStorage.getItem(SEEN + first)) startTour(first);
