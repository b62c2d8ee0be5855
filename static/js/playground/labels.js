// What a model tells of a text: labels with their probabilities, and the text with the parts that it marks.

export function barRow(text, probability, shown = `${(probability * 100).toFixed(probability < 0.01 ? 2 : 1)} %`) {
  const row = document.createElement("tr");
  const name = document.createElement("td");
  name.className = "mono";
  name.textContent = text;
  const number = document.createElement("td");
  number.className = "num";
  number.textContent = shown;
  const cell = document.createElement("td");
  const bar = document.createElement("meter");
  bar.max = 1;
  bar.value = probability;
  bar.setAttribute("aria-label", text);
  cell.append(bar);
  row.append(name, number, cell);
  return row;
}

export function labelTable(labels, most = 20) {
  const table = document.createElement("table");
  table.className = "candidates";
  const body = table.createTBody();
  body.append(...labels.slice(0, most).map(({ label, probability }) => barRow(label, probability)));
  return table;
}

export function similarLines(similar, vector, words) {
  // How like the first line each other is, by cosine, and the first line's vector to take along.
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "button small";
  copy.textContent = `${words.copyVector} (${vector.length})`;
  copy.dataset.copy = JSON.stringify(vector);
  copy.dataset.copied = words.copied;
  const note = document.createElement("p");
  note.className = "muted small";
  note.textContent = similar.length ? words.cosine : words.alone;
  if (!similar.length) return [note, copy];
  const table = document.createElement("table");
  table.className = "candidates";
  table.createTBody().append(...similar.map(({ text, cosine }) => barRow(text, Math.max(cosine, 0), cosine.toFixed(3))));
  return [note, table, copy];
}

export function markedText(text, spans) {
  // The text with each span marked and its label behind it, a colour a label; spans are in order and do not overlap.
  const names = [...new Set(spans.map((span) => span.label))].sort();
  const letters = [...text]; // positions count characters, not UTF-16 units
  const paragraph = document.createElement("p");
  let at = 0;
  for (const span of spans) {
    const mark = document.createElement("mark");
    mark.className = `entity entity-${(names.indexOf(span.label) % 4) + 1}`;
    const label = document.createElement("sub");
    label.textContent = ` ${span.label}`;
    mark.append(letters.slice(span.start, span.end).join(""), label);
    mark.title = `${(span.probability * 100).toFixed(1)} %`;
    paragraph.append(letters.slice(at, span.start).join(""), mark);
    at = span.end;
  }
  paragraph.append(letters.slice(at).join(""));
  return paragraph;
}
