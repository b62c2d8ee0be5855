// One upload by tus 1.0 (https://tus.io): begins or goes on, sends in parts, tries again after a lost connection.
//
//   const upload = new TusUpload(file, { url, onChange });   upload.start(); upload.pause(); upload.cancel();
//
// `onChange` is called whenever `state`, `offset`, `speed` or `message` change. States: waiting, sending, lost, paused,
// busy, done, failed. Where an upload stands is remembered by name, size and time of change, so a reload goes on.

import { csrfToken } from "./app.js";

const PART_BYTES = 64 * 2 ** 20;
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15000];
const SPEED_WINDOW_MS = 4000;
const GONE = [403, 404, 410];

export class TusUpload {
  constructor(file, { url, name = file.name, onChange = () => {} }) {
    Object.assign(this, { file, url, name, onChange });
    this.state = "waiting";
    this.offset = 0;
    this.message = "";
    this.failures = 0;
    this.marks = [];
    this.key = `upload:${url}:${name}:${file.size}:${file.lastModified}`;
    this.address = localStorage.getItem(this.key);
  }

  get size() { return this.file.size; }
  get isOver() { return ["done", "failed", "cancelled"].includes(this.state); }

  // Bytes per second over the last seconds, null while it is not known.
  get speed() {
    if (this.state !== "sending" || this.marks.length < 2) return null;
    const [first, last] = [this.marks[0], this.marks.at(-1)];
    return last.at > first.at ? (last.offset - first.offset) / ((last.at - first.at) / 1000) : null;
  }

  get secondsLeft() { return this.speed ? (this.size - this.offset) / this.speed : null; }

  async start() {
    this.failures = 0;
    this.set("sending");
    while (this.state === "sending" || this.state === "lost") {
      try {
        await this.lockAndSend();
        return;
      } catch (error) {
        if (this.state === "paused" || this.state === "cancelled") return;
        if (error.isFinal) return this.set("failed", error.message);
        this.set("lost", error.message ?? "");
        await this.wait();
      }
    }
  }

  pause() {
    if (this.isOver) return;
    this.set("paused");
    this.request?.abort();
    this.wake?.();
  }

  async cancel() {
    this.set("cancelled");
    this.request?.abort();
    this.wake?.();
    if (this.address) await this.ask("DELETE", this.address).catch(() => {});
    this.forget();
  }

  // Two tabs must not send one upload: each would end the other's request.
  async lockAndSend() {
    if (!navigator.locks) return this.send();
    return navigator.locks.request(this.key, { ifAvailable: true }, async (lock) => {
      if (!lock) return this.set("busy");
      return this.send();
    });
  }

  async send() {
    if (this.address) await this.find();
    if (!this.address) await this.begin();
    this.set("sending");
    let last = this.found;
    while (this.offset < this.size && this.state === "sending") last = await this.sendPart();
    if (this.state !== "sending") return;
    this.forget();
    this.duplicateOf = last?.getResponseHeader("Isocost-Duplicate-Of");
    this.duplicateOf &&= decodeURIComponent(this.duplicateOf);
    this.set("done");
  }

  // Ask where the upload stands. One that is gone begins anew.
  async find() {
    const answer = await this.ask("HEAD", this.address, {}, null, true);
    if (GONE.includes(answer.status)) return this.forget();
    this.offset = this.offsetIn(answer);
    this.found = answer;
    this.marks = [];
  }

  async begin() {
    const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
    const headers = { "Upload-Length": String(this.size), "Upload-Metadata": `filename ${encode(this.name)}` };
    const answer = await this.ask("POST", this.url, headers);
    this.address = new URL(answer.getResponseHeader("Location"), location.href).pathname;
    this.offset = 0;
    localStorage.setItem(this.key, this.address);
  }

  async sendPart() {
    const start = this.offset;
    const part = this.file.slice(start, start + PART_BYTES);
    const headers = { "Upload-Offset": String(start), "Content-Type": "application/offset+octet-stream" };
    const answer = await this.ask("PATCH", this.address, headers, part);
    this.offset = this.offsetIn(answer);
    this.failures = 0;
    return answer;
  }

  offsetIn(answer) {
    const text = answer.getResponseHeader("Upload-Offset");
    if (text === null) throw Object.assign(new Error("signed-out"), { isFinal: true, isSignedOut: true });
    return Number(text);
  }

  ask(method, url, headers = {}, body = null, any = false) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open(method, url);
      for (const [name, value] of Object.entries({ "Tus-Resumable": "1.0.0", "X-CSRFToken": csrfToken(), ...headers })) request.setRequestHeader(name, value);
      const start = this.offset;
      if (body) request.upload.onprogress = (event) => this.mark(start + event.loaded);
      request.onload = () => {
        const isGood = request.status >= 200 && request.status < 300;
        if (isGood || (any && GONE.includes(request.status))) resolve(request);
        else reject(this.problem(request));
      };
      request.onerror = () => reject(new Error(""));
      request.onabort = () => reject(new Error(""));
      request.send(body);
    });
  }

  // 408, 409, 423 and 5xx other than a full disk may go away by themselves; anything else is for a person.
  problem(request) {
    const isPassing = [408, 409, 423, 429].includes(request.status) && request.responseURL.includes("/uploads/") && request.getResponseHeader("Location") === null;
    const isOurs = request.status >= 500 && request.status !== 507;
    const isConflictOnBegin = request.status === 409 && request.responseURL.includes("/datasets/");
    const text = request.responseText.startsWith("<") ? "" : request.responseText.slice(0, 600);
    return Object.assign(new Error(text), { isFinal: isConflictOnBegin || !(isPassing || isOurs) });
  }

  mark(offset) {
    const now = performance.now();
    this.offset = Math.min(offset, this.size);
    this.marks.push({ at: now, offset: this.offset });
    while (this.marks.length > 2 && now - this.marks[0].at > SPEED_WINDOW_MS) this.marks.shift();
    this.onChange(this);
  }

  async wait() {
    const wait = WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)];
    await new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, wait);
      addEventListener("online", resolve, { once: true });
    });
  }

  forget() {
    localStorage.removeItem(this.key);
    this.address = null;
    this.offset = this.state === "cancelled" ? this.offset : 0;
  }

  set(state, message = "") {
    this.state = state;
    this.message = message;
    if (state === "done") this.offset = this.size;
    this.onChange(this);
  }
}
