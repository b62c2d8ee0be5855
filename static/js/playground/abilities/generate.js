// Continue the prompt: each model writes into its side, token by token.

import { draft, ending, engine, sampling, Speed } from "../sampling.js";

export function mount(page) {
  document.getElementById("generate").addEventListener("click", () => {
    for (const side of page.sidesThat("generate")) generate(page, side);
  });
}

function generate(page, side) {
  const prompt = page.prompt;
  const output = side.querySelector(".output");
  const cut = side.querySelector(".cut");
  const asked = document.createElement("b");
  asked.textContent = prompt;
  const written = document.createElement("span");
  output.replaceChildren(asked, written);
  cut.hidden = true;
  const speed = new Speed(side.querySelector(".measure"), page.root.dataset.textTokens);
  const handle = {
    start(message) {
      asked.textContent = message.prompt;
      cut.hidden = !message.num_cut_tokens;
      cut.textContent = `${page.root.dataset.textCut} ${message.num_cut_tokens}`;
    },
    token(message) {
      written.append(message.text);
      speed.token();
      output.scrollTop = output.scrollHeight;
    },
    done: ({ result }) => speed.end(ending(result, page.root.dataset.textGuesses), result.num_tokens),
    error: (message) => page.showError(side, message),
  };
  page.ask(side, "generate", { prompt, settings: sampling(), draft: draft(), engine: engine() }, (message) => handle[message.event](message), { stops: true });
}
