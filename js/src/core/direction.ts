/** Which side a block begins on. `dir="auto"` does not see into children that have a direction of their own. */

import type { Tree } from "./tree.js";

const STRONG = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]|\p{L}/u;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** Return the direction of the first letter, or "" where there is none. Code and formulas do not count. */
export function direction(trees: readonly Tree[]): "ltr" | "rtl" | "" {
  for (const tree of trees) {
    const found = tree.kind === "text" ? ofText(tree.text) : tree.kind === "element" ? within(tree) : "";
    if (found) return found;
  }
  return "";
}

function within(tree: Extract<Tree, { kind: "element" }>): "ltr" | "rtl" | "" {
  return tree.tag === "code" ? "" : direction(tree.children);
}

function ofText(text: string): "ltr" | "rtl" | "" {
  const letter = STRONG.exec(text)?.[0];
  if (!letter) return "";
  return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}
