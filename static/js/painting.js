// When charts are drawn: at the next frame, the upper ones first, and only so many a frame that the page stays quick.

const FRAME_MS = 12;
const waiting = new Set();
let asked = false;

// `card` has `element` and `draw()`. What is asked for twice before it is drawn is drawn once.
export function paintSoon(card) {
  waiting.add(card);
  if (asked) return;
  asked = true;
  requestAnimationFrame(paint);
}

export function unpaint(card) {
  waiting.delete(card);
}

function paint() {
  asked = false;
  const began = performance.now();
  for (const card of [...waiting].sort(inOrder)) {
    waiting.delete(card);
    card.draw();
    if (performance.now() - began > FRAME_MS) break;
  }
  if (waiting.size) { const [card] = waiting; paintSoon(card); }
}

function inOrder(a, b) {
  return a.element.compareDocumentPosition(b.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
}
