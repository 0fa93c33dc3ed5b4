/**
 * Trees become nodes of a page. Nothing is ever parsed as HTML: each node is made by name from the two lists below, and
 * all that a model wrote is the text of a node or the address of a link.
 */

import { linkTarget } from "./links.js";
import type { ElementNode } from "./tree.js";

const TAGS = new Set(
  "a blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre s small strong table tbody td th thead tr ul".split(" "),
);
const DIRECTIONS = new Set(["auto", "ltr", "rtl"]);
const SIDES = new Set(["left", "center", "right"]);

/** Make the node of an element, without its children. */
export function makeElement(tree: ElementNode, page: Document): HTMLElement {
  const made = page.createElement(TAGS.has(tree.tag) ? tree.tag : "span");
  const { dir, start, align, href } = tree.attributes;
  if (dir && DIRECTIONS.has(dir)) made.dir = dir;
  if (start && tree.tag === "ol" && /^\d{1,9}$/.test(start)) made.setAttribute("start", start);
  if (align && SIDES.has(align)) made.classList.add(`magistral-${align}`);
  if (href && tree.tag === "a" && linkTarget(href)) lead(made as HTMLAnchorElement, href);
  if (tree.loose) made.classList.add("magistral-loose");
  return made;
}

function lead(link: HTMLAnchorElement, href: string): void {
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.title = href; // the whole address, for whoever points at it
}
