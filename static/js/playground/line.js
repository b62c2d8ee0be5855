// One socket that comes back by itself; answers are handed to whoever asked, by id.

export class Line {
  constructor(url, { lost, onState }) {
    this.url = url;
    this.lost = lost; // what is said when the connection breaks
    this.onState = onState;
    this.waiting = new Map();
    this.delay = 500;
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => {
      this.delay = 500;
      this.onState(true);
    });
    this.socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      const handler = this.waiting.get(message.id);
      if (!handler) return;
      if (message.event === "done" || message.event === "error") this.waiting.delete(message.id);
      handler(message);
    });
    this.socket.addEventListener("close", (event) => {
      this.onState(false);
      for (const handler of this.waiting.values()) handler({ event: "error", sentence: this.lost });
      this.waiting.clear();
      if (event.code >= 4400) return; // no longer allowed
      setTimeout(() => this.open(), this.delay);
      this.delay = Math.min(this.delay * 2, 10_000);
    });
  }

  // Send {op, ...}; `handler` gets each message of the answer, the last with event done or error. Return the id.
  ask(content, handler) {
    const id = crypto.randomUUID();
    const { socket } = this;
    const send = () => this.waiting.has(id) && socket.send(JSON.stringify({ id, ...content }));
    if (socket.readyState > WebSocket.OPEN) {
      handler({ event: "error", sentence: this.lost });
      return id;
    }
    this.waiting.set(id, handler);
    if (socket.readyState === WebSocket.OPEN) send();
    else socket.addEventListener("open", send, { once: true }); // whoever asks at once waits for the line
    return id;
  }

  cancel(id) {
    this.waiting.delete(id);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ id, op: "cancel" }));
  }
}
