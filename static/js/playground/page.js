// What abilities get to work with: the models chosen, the prompt, the line to them, and what is running.

export class Page extends EventTarget {
  constructor(root, line) {
    super();
    this.root = root;
    this.line = line;
    this.running = new Set();
  }

  get prompt() {
    return document.getElementById("prompt").value;
  }

  sides() {
    return [...this.root.querySelectorAll(".side")];
  }

  chosen(side) {
    return side.querySelector(".checkpoint").value;
  }

  can(side, ability) {
    const option = side.querySelector(".checkpoint").selectedOptions[0];
    return (option?.dataset.abilities ?? "").split(" ").includes(ability);
  }

  sidesThat(ability) {
    return this.sides().filter((side) => this.can(side, ability));
  }

  // Whoever compares two models shall not see which is which.
  get isBlind() {
    return this.sides().length > 1 && document.getElementById("blind").checked;
  }

  // What no chosen model can be asked for is not offered.
  showAbilities() {
    for (const part of this.root.querySelectorAll("[data-ability]")) {
      part.hidden = !part.dataset.ability.split(" ").some((ability) => this.sidesThat(ability).length);
    }
    this.dispatchEvent(new Event("models")); // an ability that keeps a state of its own may listen
  }

  // Another model was chosen: what the one before said does not stand under its name.
  another(side) {
    if (this.running.size) this.stop();
    for (const part of side.querySelectorAll(".output, .measure")) part.replaceChildren();
    this.dispatchEvent(new Event("another"));
    this.showAbilities();
  }

  // Ask the side's model; one that streams can be stopped.
  ask(side, op, content, handler, { stops = false } = {}) {
    const id = this.line.ask({ op, checkpoint: this.chosen(side), ...content }, (message) => {
      if (message.event === "done" || message.event === "error") this.ended(id);
      handler(message);
    });
    if (stops && this.line.waiting.has(id)) {
      this.running.add(id);
      this.showRunning();
    }
    return id;
  }

  ended(id) {
    this.running.delete(id);
    this.showRunning();
    if (!this.running.size) window.htmx?.trigger("#history", "refresh");
  }

  stop() {
    for (const id of [...this.running]) {
      this.line.cancel(id);
      this.ended(id);
    }
    for (const side of this.sides()) side.querySelector(".measure").append(` · ${this.root.dataset.textStopped}`);
    this.dispatchEvent(new Event("stopped"));
  }

  showRunning() {
    const is = this.running.size > 0;
    for (const button of this.root.querySelectorAll("[data-stop]")) button.hidden = !is;
    for (const button of this.root.querySelectorAll("[data-streams]")) button.disabled = is;
  }

  showError(side, message) {
    const line = document.createElement("p");
    line.className = "bad";
    line.textContent = message.sentence;
    side.querySelector(".output").append(line);
  }
}
