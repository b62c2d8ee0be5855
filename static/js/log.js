// A log of any length: its end first, earlier parts on demand, new lines as they come, search on the server.
const FOLLOW_MS = 1_000;
const FOLLOW_HIDDEN_MS = 10_000;
const MOST_CHARACTERS = 2_000_000; // kept on the page; earlier lines can be fetched again

function bytes(number) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (number >= size) return `${(number / size).toFixed(1)} ${unit}`;
  }
  return `${number} B`;
}

function begin(root) {
  const text = root.querySelector("[data-log-text]");
  const matches = root.querySelector("[data-log-matches]");
  const earlier = root.querySelector("[data-log-earlier]");
  const followBox = root.querySelector("[data-log-follow]");
  const size = root.querySelector("[data-log-size]");
  const search = root.querySelector("[data-log-search]");
  let first = 0;
  let next = null;
  let isFinal = root.dataset.logFinal === "1";
  let searchTimer = 0;

  async function ask(parameters) {
    const answer = await fetch(`${root.dataset.log}?${new URLSearchParams(parameters)}`);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  function show(part) {
    size.textContent = bytes(part.size_bytes);
    earlier.hidden = first === 0;
    if (followBox.checked) text.scrollTop = text.scrollHeight;
  }

  async function look() {
    try {
      if (!document.hidden || next === null) {
        const part = await ask(next === null ? {} : { offset: next });
        if (next === null || part.size_bytes < next) {
          text.textContent = "";
          first = part.offset;
        }
        if (part.text) text.append(part.text);
        if (text.textContent.length > MOST_CHARACTERS && followBox.checked) {
          const kept = text.textContent.slice(-MOST_CHARACTERS / 2);
          first = part.next_offset - new TextEncoder().encode(kept).length;
          text.textContent = kept;
        }
        const more = next !== null && part.next_offset < part.size_bytes && part.next_offset > next;
        next = part.size_bytes < next ? null : part.next_offset;
        isFinal = part.is_final;
        show(part);
        if (!text.textContent) text.dataset.empty = root.dataset.wordEmpty;
        if (more) return setTimeout(look, 0);
      }
    } catch {
      size.textContent = root.dataset.wordLost;
    }
    if (!isFinal) setTimeout(look, document.hidden ? FOLLOW_HIDDEN_MS : FOLLOW_MS);
  }

  earlier.addEventListener("click", async () => {
    const part = await ask({ before: first });
    const height = text.scrollHeight;
    followBox.checked = false;
    text.prepend(part.text);
    first = part.offset;
    text.scrollTop += text.scrollHeight - height;
    show(part);
  });

  async function find() {
    const wanted = search.value.trim();
    matches.hidden = !wanted;
    matches.replaceChildren();
    if (!wanted) return;
    const found = (await ask({ search: wanted })).matches;
    for (const match of found) {
      const item = document.createElement("li");
      item.value = match.line;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button quiet small";
      button.textContent = match.text;
      button.addEventListener("click", () => jump(match.offset));
      item.append(button);
      matches.append(item);
    }
    if (!found.length) matches.append(Object.assign(document.createElement("li"), { textContent: root.dataset.wordNone }));
  }

  async function jump(offset) {
    followBox.checked = false;
    const part = await ask({ offset });
    text.textContent = part.text;
    first = part.offset;
    next = part.next_offset;
    text.scrollTop = 0;
    show(part);
  }

  search.addEventListener("input", () => {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(find, 250);
  });
  text.addEventListener("wheel", () => {
    if (text.scrollTop + text.clientHeight < text.scrollHeight - 40) followBox.checked = false;
  }, { passive: true });
  followBox.addEventListener("change", () => {
    if (followBox.checked) text.scrollTop = text.scrollHeight;
  });
  look();
}

for (const root of document.querySelectorAll("[data-log]")) begin(root);
