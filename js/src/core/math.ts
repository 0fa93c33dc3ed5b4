/** Formulas, typeset by KaTeX into nodes. The one part of the core that needs a page, besides `sanitize.ts`. */

import katex, { type KatexOptions } from "katex";
import { formulaSource, isDisplay, withoutLabels } from "./formulas.js";
import type { FormulaNode } from "./tree.js";

const MOST_KEPT = 500;
const kept = new Map<string, HTMLElement>();

const OPTIONS: KatexOptions = {
  throwOnError: false,
  errorColor: "inherit",
  trust: false,
  maxExpand: 200,
  maxSize: 20,
  strict: (code: string) => (code === "htmlExtension" ? "error" : "ignore"), // Chinese in a formula is no fault
};

/** KaTeX does not know these three environments, and knows one each that looks the same or nearly so. */
const STAND_INS: readonly (readonly [RegExp, string])[] = [
  [/\\(begin|end)\{flalign(\*?)\}/g, "\\$1{align$2}"],
  [/\\(begin|end)\{multline(\*?)\}/g, "\\$1{gather$2}"],
  [/\\begin\{eqnarray\*?\}/g, "\\begin{array}{rcl}"],
  [/\\end\{eqnarray\*?\}/g, "\\end{array}"],
];

/** Return a formula as an element; always left to right, and as source where it should not be typeset. */
export function formulaElement(node: FormulaNode, page: Document): HTMLElement {
  if (!node.typeset) return sourceElement(formulaSource(node.tex, node.opening), page);
  const key = `${isDisplay(node.opening) ? "d" : "i"}${node.light ? "l" : "m"}${node.tex}`;
  let template = kept.get(key);
  if (!template) {
    template = typeset(node, page);
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value as string);
    kept.set(key, template);
  }
  return page.importNode(template, true);
}

function typeset(node: FormulaNode, page: Document): HTMLElement {
  const displayMode = isDisplay(node.opening);
  const box = page.createElement("span");
  box.className = displayMode ? "magistral-formula magistral-display" : "magistral-formula";
  box.dir = "ltr";
  if (node.light) {
    box.setAttribute("role", "math");
    box.setAttribute("aria-label", node.tex);
  }
  const tex = STAND_INS.reduce((tex, [from, to]) => tex.replace(from, to), withoutLabels(node.tex));
  try {
    katex.render(tex, box, { ...OPTIONS, displayMode, output: node.light ? "html" : "htmlAndMathml" });
  } catch {
    return sourceElement(formulaSource(node.tex, node.opening), page);
  }
  // a formula that KaTeX cannot read is shown as it was written
  return box.querySelector(".katex-error") ? sourceElement(formulaSource(node.tex, node.opening), page) : box;
}

function sourceElement(source: string, page: Document): HTMLElement {
  const code = page.createElement("code");
  code.dir = "ltr";
  code.textContent = source;
  return code;
}
