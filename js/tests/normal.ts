/** A tree in the form that `tests/contract_cases.py` writes: what differs by design is left out. */

import { formulaSource, isDisplay, withoutLabels } from "../src/core/formulas.js";
import type { ElementNode, Tree } from "../src/core/tree.js";

export type Normal = string | [string, ...Normal[]];

export function normal(trees: readonly Tree[]): Normal[] {
  return tidied(trees.flatMap(one));
}

function one(tree: Tree): Normal[] {
  if (tree.kind === "text") return [tree.text];
  if (tree.kind === "code") {
    const name = tree.language ? `code class=language-${tree.language}` : "code";
    return [["pre", tree.text ? [name, tree.text] : [name]]];
  }
  if (tree.kind === "pending") return [["pending", tree.text]];
  if (tree.kind === "element") return [box(tree)];
  if (!tree.typeset) return [["code", formulaSource(tree.tex, tree.opening)]];
  const [left, right] = isDisplay(tree.opening) ? ["\\[", "\\]"] : ["\\(", "\\)"];
  return [["formula", left + withoutLabels(tree.tex) + right]];
}

function box(tree: ElementNode): Normal {
  const names = ["href", "start", "align"];
  const attributes = names.filter((name) => ![undefined, "left"].includes(tree.attributes[name]));
  const name = tree.tag + attributes.map((name) => ` ${name}=${tree.attributes[name]}`).join("");
  const children = tree.children.flatMap((child) => inItem(tree, child) ?? one(child));
  return [name, ...(["pre", "code"].includes(tree.tag) ? joined(children) : tidied(children))];
}

function inItem(list: ElementNode, item: Tree): Normal[] | null {
  if ((list.tag !== "ul" && list.tag !== "ol") || list.loose || item.kind !== "element") return null;
  const children = item.children.flatMap((child) =>
    child.kind === "element" && child.tag === "p" ? child.children.flatMap(one) : one(child),
  );
  return [["li", ...tidied(children)]];
}

function joined(children: Normal[]): Normal[] {
  const shown: Normal[] = [];
  for (const child of children) {
    const last = shown.at(-1);
    if (typeof child === "string" && typeof last === "string") shown[shown.length - 1] = last + child;
    else shown.push(child);
  }
  return shown;
}

function tidied(children: Normal[]): Normal[] {
  const trimmed = joined(children).map((child) =>
    typeof child === "string" ? child.replace(/^\n+|\n+$/g, "") : child,
  );
  return trimmed.filter((child) => child !== "");
}
