/** Brings nodes in line with trees, touching only what changed: selections, scroll positions and folds stay. */

import { formulaElement } from "../core/math.js";
import { makeElement } from "../core/sanitize.js";
import { type ElementNode, same, sameBox, type Tree } from "../core/tree.js";
import { makeCode, updateCode } from "./code.js";
import { make } from "./dom.js";
import { LABELS } from "./labels.js";

/** Trees as they were drawn, one for each child of the parent. */
type Drawn = readonly Tree[];

/** Draw `wanted` where `drawn` is; what is the same object in both costs nothing. `isLive`: the last one still grows. */
export function patch(parent: Node, drawn: Drawn, wanted: Drawn, isLive: boolean): void {
  let at = 0;
  while (at < drawn.length && at < wanted.length && drawn[at] === wanted[at]) at += 1;
  const page = parent.ownerDocument as Document;
  let node = parent.childNodes[at] ?? null;
  for (; at < wanted.length; at++) {
    const tree = wanted[at] as Tree;
    const isOpen = isLive && at === wanted.length - 1;
    const next: ChildNode | null = node?.nextSibling ?? null;
    if (!node) parent.appendChild(draw(tree, page, isOpen));
    else if (!change(node, drawn[at], tree, isOpen)) parent.replaceChild(draw(tree, page, isOpen), node);
    node = next;
  }
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove();
}

function change(node: Node, drawn: Tree | undefined, wanted: Tree, isOpen: boolean): boolean {
  if (!drawn || drawn.kind !== wanted.kind) return false;
  if (wanted.kind === "code") return updateCode(node as HTMLElement, wanted, !isOpen);
  if (same(drawn, wanted)) return true;
  if (wanted.kind === "text") {
    (node as Text).data = wanted.text;
    return true;
  }
  if (wanted.kind === "pending") {
    node.textContent = wanted.text;
    return true;
  }
  if (wanted.kind !== "element" || drawn.kind !== "element") return false;
  if (!sameBox(drawn, wanted) && !becameLoose(node, drawn, wanted)) return false;
  patch(inside(node), drawn.children, wanted.children, isOpen);
  return true;
}

/** A list that becomes loose only changes its margins: its items stay. */
function becameLoose(node: Node, drawn: ElementNode, wanted: ElementNode): boolean {
  if (!sameBox({ ...drawn, loose: Boolean(wanted.loose) }, wanted)) return false;
  (node as HTMLElement).classList.toggle("magistral-loose", Boolean(wanted.loose));
  return true;
}

function draw(tree: Tree, page: Document, isOpen: boolean): Node {
  switch (tree.kind) {
    case "text":
      return page.createTextNode(tree.text);
    case "formula":
      return formulaElement(tree, page);
    case "code":
      return makeCode(tree, page);
    case "pending":
      return make(page, "div", { class: "magistral-pending", text: tree.text, attributes: { dir: "ltr" } });
    default:
      return drawElement(tree, page, isOpen);
  }
}

function drawElement(tree: ElementNode, page: Document, isOpen: boolean): Node {
  const made = makeElement(tree, page);
  patch(made, [], tree.children, isOpen);
  if (tree.tag !== "table") return made;
  const attributes = { tabindex: "0", role: "group", "aria-label": LABELS.table };
  return make(page, "div", { class: "magistral-table", attributes, children: [made] });
}

/** A table stands in a box that scrolls; its own nodes are in the table. */
function inside(node: Node): Node {
  return (node as Element).className === "magistral-table" ? (node.firstChild as Node) : node;
}
