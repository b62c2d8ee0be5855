// A conversation with one model, or the same questions to two: history, edit, retry, and the choice of the better answer.

import { draft, ending, engine, sampling, Speed } from "../sampling.js";

export function mount(page) {
  new Chat(page, document.getElementById("chat"));
}

class Chat {
  constructor(page, box) {
    this.page = page;
    this.box = box;
    this.columns = document.getElementById("chat-columns");
    this.question = document.getElementById("chat-question");
    this.talks = new Map(); // side -> its messages
    this.isSwapped = false; // blind: the second model's answers stand on the left
    this.seed = 0; // another answer to the same question needs another seed
    document.getElementById("chat-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // a line end, or an input method's own Enter
      event.preventDefault();
      this.send();
    });
    document.getElementById("chat-new").addEventListener("click", () => this.reset());
    document.getElementById("blind").addEventListener("change", () => this.reset()); // what was said is known by its model
    page.addEventListener("models", () => this.draw());
  }

  sides() {
    return this.page.sidesThat("chat");
  }

  messages(side) {
    if (!this.talks.has(side.dataset.side)) this.talks.set(side.dataset.side, []);
    return this.talks.get(side.dataset.side);
  }

  reset() {
    this.talks.clear();
    this.isSwapped = Math.random() < 0.5; // drawn anew for each conversation
    this.draw();
    this.question.focus();
  }

  send() {
    const content = this.question.value.trim();
    if (!content || this.page.running.size) return;
    this.question.value = "";
    for (const side of this.sides()) {
      this.messages(side).push({ role: "user", content });
      this.answer(side);
    }
  }

  // Ask for the answer to the last question of a side.
  answer(side) {
    const said = this.messages(side);
    const system = document.getElementById("chat-system").value.trim();
    const sent = said.map(({ role, content }) => ({ role, content }));
    const messages = system ? [{ role: "system", content: system }, ...sent] : sent;
    const reply = { role: "assistant", content: "", isOpen: true };
    said.push(reply);
    this.draw();
    const place = this.columns.querySelector(`[data-side="${side.dataset.side}"] .message:last-child`);
    const words = place.querySelector(".words");
    const speed = new Speed(place.querySelector(".measure"), this.page.root.dataset.textTokens);
    const settings = { ...sampling() };
    settings.seed += this.seed;
    this.page.ask(side, "chat", { messages, settings, draft: draft(), engine: engine() }, (message) => {
      if (message.event === "start" && message.num_cut_tokens) reply.cut = message.num_cut_tokens;
      else if (message.event === "token") {
        reply.content += message.text;
        words.append(message.text);
        speed.token();
      } else if (message.event === "done") {
        speed.end(ending(message.result, this.page.root.dataset.textGuesses), message.result.num_tokens);
        reply.measure = speed.element.textContent;
        this.close(reply);
      } else if (message.event === "error") {
        reply.error = message.sentence;
        this.close(reply);
      }
    }, { stops: true });
  }

  close(reply) {
    reply.isOpen = false;
    this.draw();
  }

  draw() {
    const isBlind = this.page.isBlind;
    const sides = isBlind && this.isSwapped ? this.sides().reverse() : this.sides();
    this.page.root.classList.toggle("is-chat", sides.length > 0); // the conversation comes first, plain text below it
    this.page.root.classList.toggle("is-blind", isBlind && sides.length > 1); // hides what would tell which is which
    this.columns.classList.toggle("two", sides.length > 1);
    this.columns.replaceChildren(...sides.map((side) => this.column(side)));
  }

  column(side) {
    const column = document.createElement("ol");
    column.className = "talk";
    column.dataset.side = side.dataset.side;
    const said = this.messages(side);
    if (!said.length) {
      const empty = document.createElement("li");
      empty.className = "muted";
      empty.textContent = this.box.dataset.textEmpty;
      column.append(empty);
    }
    column.append(...said.map((message, i) => this.bubble(side, said, message, i)));
    return column;
  }

  bubble(side, said, message, i) {
    const item = document.createElement("li");
    item.className = `message from-${message.role}`;
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = message.role === "user" ? this.box.dataset.textYou : this.box.dataset.textModel;
    const words = document.createElement("div");
    words.className = "words";
    words.textContent = message.content;
    const foot = document.createElement("div");
    foot.className = "foot";
    const measure = document.createElement("span");
    measure.className = "measure muted small";
    measure.textContent = message.cut ? `${this.page.root.dataset.textCut} ${message.cut} · ${message.measure ?? ""}` : message.measure ?? "";
    foot.append(measure);
    if (message.error) {
      const error = document.createElement("p");
      error.className = "bad";
      error.textContent = message.error;
      words.append(error);
    }
    if (!message.isOpen && !this.page.running.size) foot.append(...this.buttons(side, said, message, i));
    item.append(who, words, foot);
    return item;
  }

  buttons(side, said, message, i) {
    if (message.role === "user") {
      return [this.button(this.box.dataset.textEdit, () => this.edit(said, message, i))];
    }
    if (i !== said.length - 1) return [];
    const found = [this.button(this.box.dataset.textRetry, () => this.retry(side, said))];
    const other = this.sides().find((one) => one !== side);
    const theirs = other && this.messages(other);
    const comparable = theirs?.length === said.length && theirs[i].content && theirs[i].content !== message.content && theirs[i - 1].content === said[i - 1].content;
    if (comparable && !message.isChosen && !theirs[i].isChosen) {
      found.push(this.button(this.box.dataset.textBetter, () => this.choose(side, other, i), "choose"));
    }
    return found;
  }

  button(text, act, name = "") {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `button small quiet ${name}`;
    button.textContent = text;
    button.addEventListener("click", act);
    return button;
  }

  // A question is asked anew in other words: what came after it goes, on both sides.
  edit(said, message, i) {
    this.question.value = message.content;
    for (const talk of this.talks.values()) talk.length = Math.min(talk.length, i);
    this.draw();
    this.question.focus();
  }

  retry(side, said) {
    said.pop();
    this.seed += 1;
    this.answer(side);
  }

  async choose(side, other, i) {
    const said = this.messages(side);
    const note = document.getElementById("chat-note");
    const body = new FormData();
    const before = said.slice(0, i).map(({ role, content }) => ({ role, content }));
    const system = document.getElementById("chat-system").value.trim();
    body.set("messages", JSON.stringify(system ? [{ role: "system", content: system }, ...before] : before));
    body.set("chosen", said[i].content);
    body.set("rejected", this.messages(other)[i].content);
    body.set("chosen_by", this.page.chosen(side));
    body.set("rejected_by", this.page.chosen(other));
    body.set("is_blind", this.page.isBlind ? "1" : "0");
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(this.page.root.dataset.preferences, { method: "POST", body, headers: { "X-CSRFToken": token } });
    if (answer.ok) said[i].isChosen = true;
    note.textContent = answer.ok ? this.box.dataset.textKept : await answer.text();
    this.draw();
  }
}
