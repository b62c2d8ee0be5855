// What every page has: theme, menus, fresh times, copy buttons, confirmation, toasts.

const ROOT = document.documentElement;

export function isDark() {
  const theme = ROOT.dataset.theme;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

export function toast(text, kind = "info") {
  const item = document.createElement("p");
  item.className = `notice ${kind}`;
  item.textContent = text;
  document.getElementById("toasts").append(item);
  setTimeout(() => item.remove(), 6000);
}

export function csrfToken() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
}

function setTheme(theme) {
  ROOT.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  document.dispatchEvent(new CustomEvent("theme"));
}

// The system may change its mind while the page is open: what is drawn follows.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("theme")));

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  const format = new Intl.RelativeTimeFormat(ROOT.lang, { numeric: "auto", style: "short" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(Math.round(seconds), "second");
}

// A narrow window shows a part of the navigation: that in which the reader is.
function showCurrent() {
  for (const item of document.querySelectorAll(".nav [aria-current], .tabs [aria-current]")) {
    const bar = item.parentElement, own = item.getBoundingClientRect(), whole = bar.getBoundingClientRect();
    bar.scrollLeft += own.left + own.width / 2 - whole.left - whole.width / 2;
  }
}

// What can be scrolled can be scrolled by keys: it takes the focus, as long as it is larger than its frame.
function reachScrollers() {
  for (const item of document.querySelectorAll(".text-view, .table-wrap, .chart-table, .uploads, .parallel-wrap")) {
    const scrolls = item.scrollHeight > item.clientHeight + 1 || item.scrollWidth > item.clientWidth + 1;
    if (scrolls && !item.hasAttribute("tabindex")) item.tabIndex = 0;
  }
}

export function freshenTimes(root = document) {
  for (const item of root.querySelectorAll("time[data-when]")) {
    const date = new Date(item.dateTime);
    item.title ||= date.toLocaleString();
    item.textContent = ago(date);
  }
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}

document.addEventListener("click", async (event) => {
  closeMenus(event.target.closest("details.menu"));
  if (event.target.closest("[data-theme-toggle]")) setTheme(isDark() ? "light" : "dark");
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    toast(copy.dataset.copied ?? "Copied");
  }
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

// <form data-confirm="Delete for good?"> asks before it is sent.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus();
  if (event.altKey && event.key.toLowerCase() === "m") setTheme(isDark() ? "light" : "dark");
});

document.addEventListener("htmx:responseError", (event) => {
  toast(`${event.detail.xhr.status}: ${event.detail.xhr.statusText}`, "error");
});
document.addEventListener("htmx:afterSwap", (event) => {
  freshenTimes(event.detail.elt);
  reachScrollers();
});
addEventListener("resize", reachScrollers);
document.addEventListener("toggle", reachScrollers, true);
freshenTimes();
reachScrollers();
showCurrent();
setInterval(freshenTimes, 10_000);
