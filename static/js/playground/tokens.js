// Tokens as people can see them: spaces, line ends and nothing at all have signs.

export function visible(text) {
  return text.replaceAll(" ", "·").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";
}
