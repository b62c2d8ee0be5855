// The upload card of a dataset: files, folders and pasted text go up, a few at a time, each with its bar.

import { TusUpload } from "./tus.js";
import { chosenFiles, folderFiles } from "./folders.js";

const AT_ONCE = 3;
const SHOWN_ROWS = 200;
const SHOWN_AFTER_MS = 3000;
const card = document.getElementById("upload");
const list = card.querySelector("[data-upload-list]");
const sum = card.querySelector("[data-upload-sum]");
const words = card.dataset;
const uploads = [];
let refreshTimer = 0;

const fill = (text, ...values) => values.reduce((done, value) => done.replace("%s", value), text);

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit && bytes < 100 ? bytes.toPrecision(3) : Math.round(bytes)} ${units[unit]}`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

function add(files) {
  for (const { file, name } of files) {
    const known = uploads.find((other) => other.name === name && other.size === file.size && !["failed", "cancelled", "done"].includes(other.state));
    if (known) continue;
    const upload = new TusUpload(file, { url: words.uploadUrl, name, onChange: changed });
    uploads.push(upload);
    document.dispatchEvent(new CustomEvent("upload-begins", { detail: upload.key }));
    if (uploads.length <= SHOWN_ROWS) upload.row = newRow(upload);
  }
  next();
}

function next() {
  const active = uploads.filter((upload) => ["sending", "lost"].includes(upload.state)).length;
  const waiting = uploads.filter((upload) => upload.state === "waiting");
  for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - active))) upload.start();
  drawSum();
}

function changed(upload) {
  if (!upload.row && ["failed", "lost"].includes(upload.state)) upload.row = newRow(upload);
  if (upload.row) draw(upload);
  if (upload.state !== upload.before) {
    upload.before = upload.state;
    if (upload.state === "done") ended(upload);
    if (!["sending", "lost"].includes(upload.state)) queueMicrotask(next);
  }
  drawSum();
}

// A file that is in stands in the table below; only what a person should read stays in the list.
function ended(upload) {
  if (!upload.duplicateOf && upload.row) setTimeout(() => upload.row.remove(), SHOWN_AFTER_MS);
  refreshSoon();
}

// Many small files end within a second; the table is drawn once for them.
function refreshSoon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => {
    htmx.trigger(document.body, "files-changed");
    document.getElementById("prepare")?.removeAttribute("aria-disabled");
  }, 250);
}

function element(tag, className, text = "") {
  const item = document.createElement(tag);
  item.className = className;
  item.textContent = text;
  return item;
}

function button(word, act) {
  const item = element("button", "button small quiet", word);
  item.type = "button";
  item.addEventListener("click", act);
  return item;
}

function newRow(upload) {
  const row = element("li", "upload-row");
  row.name = element("span", "file-name", upload.name);
  row.note = element("span", "small muted num upload-note");
  row.bar = document.createElement("progress");
  row.bar.max = 1;
  row.bar.setAttribute("aria-label", upload.name);
  row.pause = button(words.wordPause, () => (upload.state === "paused" || upload.state === "failed" ? upload.start() : upload.pause()));
  row.cancel = button(words.wordRemove, () => {
    if (upload.state !== "done") upload.cancel();
    row.remove();
  });
  const head = element("div", "row spread");
  const buttons = element("span", "row");
  buttons.append(row.pause, row.cancel);
  head.append(row.name, row.note, buttons);
  row.append(head, row.bar);
  list.append(row);
  upload.row = row;
  draw(upload);
  return row;
}

function note(upload) {
  const progress = `${size(upload.offset)} / ${size(upload.size)}`;
  if (upload.state === "sending") {
    const speed = upload.speed ? ` · ${size(upload.speed)}/s` : "";
    const left = upload.secondsLeft ? ` · ${fill(words.wordLeft, duration(upload.secondsLeft))}` : "";
    return progress + speed + left;
  }
  if (upload.state === "done") return upload.duplicateOf ? fill(words.wordDuplicate, upload.duplicateOf) : `${words.wordDone} · ${size(upload.size)}`;
  if (upload.state === "failed") return upload.message === "signed-out" ? words.wordSignedOut : upload.message || words.wordFailed;
  const word = { waiting: words.wordWaiting, paused: words.wordPaused, lost: words.wordLost, busy: words.wordBusy }[upload.state] ?? "";
  return upload.offset ? `${progress} · ${word}` : word;
}

function draw(upload) {
  const { row } = upload;
  row.dataset.state = upload.duplicateOf ? "duplicate" : upload.state;
  row.bar.value = upload.size ? upload.offset / upload.size : 1;
  row.bar.className = { failed: "bad", done: "good" }[upload.state] ?? "";
  row.note.textContent = note(upload);
  row.pause.hidden = ["done", "waiting", "busy", "cancelled"].includes(upload.state);
  row.pause.textContent = { paused: words.wordResume, failed: words.wordRetry }[upload.state] ?? words.wordPause;
  row.cancel.hidden = upload.state === "done" && !upload.duplicateOf;
  row.cancel.textContent = ["failed", "done"].includes(upload.state) ? words.wordDismiss : words.wordRemove;
}

function drawSum() {
  const counted = uploads.filter((upload) => upload.state !== "cancelled");
  const done = counted.filter((upload) => upload.state === "done").length;
  sum.textContent = counted.length > 1 ? fill(words.wordAll, done, counted.length, size(counted.reduce((total, upload) => total + upload.offset, 0))) : "";
}

const input = card.querySelector("#upload-files");
const folderInput = card.querySelector("[data-folder-input]");
for (const source of [input, folderInput]) {
  source.addEventListener("change", () => {
    add(chosenFiles(source.files));
    source.value = "";
  });
}
card.querySelector("[data-upload-folder]").addEventListener("click", () => folderInput.click());

// Files may be dropped anywhere on the page; a miss must not open the file in the browser.
document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  card.classList.add("is-over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) card.classList.remove("is-over");
});
document.addEventListener("drop", async (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  card.classList.remove("is-over");
  add(await folderFiles(event.dataTransfer));
});

document.querySelector("[data-paste-form]").addEventListener("submit", (event) => {
  const name = document.getElementById("paste-name");
  const body = document.getElementById("paste-body");
  const stem = name.value.trim() || `${words.wordPasted} ${new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".")}`;
  const file = new File([body.value], /\.\w{1,8}$/.test(stem) ? stem : `${stem}.txt`, { type: "text/plain", lastModified: Date.now() });
  add([{ file, name: file.name }]);
  event.target.reset();
});

// Leaving while bytes go up would pause them: ask first.
addEventListener("beforeunload", (event) => {
  if (uploads.some((upload) => ["sending", "lost", "waiting"].includes(upload.state))) event.preventDefault();
});

// Uploads that a reload interrupted: the browser gives the files back only if they are chosen again.
for (const [key, address] of Object.entries(localStorage)) {
  if (!key.startsWith(`upload:${words.uploadUrl}:`)) continue;
  const parts = key.slice(`upload:${words.uploadUrl}:`.length).split(":");
  const [bytes, name] = [Number(parts.at(-2)), parts.slice(0, -2).join(":")];
  ask(key, address, name, bytes);
}

async function ask(key, address, name, bytes) {
  const answer = await fetch(address, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => null);
  if (!answer) return;
  const offset = answer.headers.get("Upload-Offset");
  if (offset === null || Number(offset) >= bytes) {
    localStorage.removeItem(key);
    return;
  }
  const row = element("li", "upload-row");
  row.dataset.state = "interrupted";
  const head = element("div", "row spread");
  const text = element("span", "small muted num upload-note", fill(words.wordAgain, `${size(Number(offset))} / ${size(bytes)}`));
  const drop = button(words.wordRemove, async () => {
    await fetch(address, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {});
    localStorage.removeItem(key);
    row.remove();
  });
  head.append(element("span", "file-name", name), text, drop);
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = Number(offset) / bytes;
  row.append(head, bar);
  list.append(row);
  document.addEventListener("upload-begins", (event) => event.detail === key && row.remove());
}
