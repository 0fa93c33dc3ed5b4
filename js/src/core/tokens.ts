/** markdown-it's tokens become trees: the same elements that `magistral_nb/rendering/elements.py` makes. */

import type { Token } from "markdown-it";
import { direction } from "./direction.js";
import { FOR_EACH_FORMULA, isRefused, MOST_TYPESET, MOST_WITH_MATHML } from "./formulas.js";
import { isWeb, linkTarget, saysTarget } from "./links.js";
import { plain } from "./text.js";
import { type ElementNode, element, type Tree, text } from "./tree.js";

const READ_FROM_EITHER_SIDE = new Set(["h1", "h2", "h3", "h4", "h5", "h6", "p", "td", "th"]);
const BEGINS_ON_EITHER_SIDE = new Set(["blockquote", "li", "ol", "table", "ul"]);

/** Counts formulas over a whole text, which may be read in parts. */
export interface FormulaCount {
  formulas: number;
  /** In the measure of `MOST_TYPESET`. */
  typeset: number;
}

interface Open {
  tag: string;
  attributes: Record<string, string>;
  children: Tree[];
  loose?: boolean;
  isLink?: boolean;
  beside?: string;
}

/** Build the trees of a run of tokens. */
export function trees(tokens: readonly Token[], count: FormulaCount): Tree[] {
  const stack: Open[] = [{ tag: "", attributes: {}, children: [] }];
  const top = () => stack.at(-1) as Open;
  tokens.forEach((token, index) => {
    if (token.type === "inline") for (const tree of trees(token.children ?? [], count)) add(top().children, tree);
    else if (token.nesting === 1) stack.push(opened(token, tokens, index));
    else if (token.nesting === -1) close(stack.pop() as Open, top());
    else for (const tree of leaf(token, count, stack)) add(top().children, tree);
    if (token.type === "paragraph_open" && !token.hidden) markLoose(stack);
  });
  return top().children;
}

function opened(token: Token, tokens: readonly Token[], index: number): Open {
  const made: Open = { tag: token.tag, attributes: {}, children: [] };
  if (token.type === "link_open") return link(made, token, tokens, index);
  if (READ_FROM_EITHER_SIDE.has(token.tag)) made.attributes.dir = "auto";
  const start = token.attrGet("start");
  if (start !== null) made.attributes.start = String(start);
  const side = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  if (side) made.attributes.align = side;
  return made;
}

/** A paragraph right inside an item is shown as one only if the list is loose, and then all of them are. */
function markLoose(stack: Open[]): void {
  const list = stack.at(-3);
  if (stack.at(-2)?.tag === "li" && list) list.loose = true;
}

function close(done: Open, parent: Open): void {
  if (done.isLink && !done.attributes.href) {
    for (const child of done.children) add(parent.children, child);
    return;
  }
  const isList = done.tag === "ul" || done.tag === "ol"; // the first item decides, so that later ones change nothing
  const side = BEGINS_ON_EITHER_SIDE.has(done.tag) && direction(isList ? done.children.slice(0, 1) : done.children);
  if (side) done.attributes.dir = side;
  const made: ElementNode = element(done.tag, done.children, done.attributes);
  if (done.loose) made.loose = true;
  add(parent.children, made);
  if (!done.beside) return;
  add(parent.children, text(" "));
  add(parent.children, element("small", [text(`(${plain(done.beside)})`)], { dir: "ltr" }));
}

function link(made: Open, token: Token, tokens: readonly Token[], index: number): Open {
  const url = String(token.attrGet("href") ?? "");
  made.isLink = true;
  const target = linkTarget(url);
  if (!target) return made; // [words]() leads nowhere, and markdown-it makes a link of it all the same
  made.attributes.href = url;
  let shown = "";
  for (let at = index + 1; tokens[at] && tokens[at]?.type !== "link_close"; at++) shown += tokens[at]?.content;
  made.beside = saysTarget(shown, url) ? "" : target;
  return made;
}

function leaf(token: Token, count: FormulaCount, stack: Open[]): Tree[] {
  switch (token.type) {
    case "softbreak":
      return [text("\n")];
    case "hardbreak":
      return [element("br", [])];
    case "hr":
      return [element("hr", [])];
    case "code_inline":
      return [element("code", [text(plain(token.content))], { dir: "ltr" })];
    case "code_block":
      return [code(token.content, "")];
    case "fence":
      return [code(token.content, token.info.trim().split(/\s+/)[0] ?? "")];
    case "formula":
      return [formula(token, count)];
    case "pending":
      return [{ kind: "pending", text: plain(token.content) }];
    case "image":
      return [image(token, stack)];
    default:
      return [text(plain(token.content))];
  }
}

function code(content: string, language: string): Tree {
  return { kind: "code", text: plain(content), language: language.replace(/[^A-Za-z0-9_+-]/g, "") };
}

function formula(token: Token, count: FormulaCount): Tree {
  count.formulas += 1;
  count.typeset += FOR_EACH_FORMULA + [...token.content].length;
  const typeset = count.typeset <= MOST_TYPESET && !isRefused(token.content);
  const light = count.formulas > MOST_WITH_MATHML;
  return { kind: "formula", tex: plain(token.content), opening: token.markup, typeset, light };
}

function image(token: Token, stack: Open[]): Tree {
  const url = String(token.attrGet("src") ?? "");
  const words = text(plain(`[image: ${token.content.trim() || "no description"} — ${linkTarget(url)}]`));
  const isInLink = stack.some((open) => open.isLink);
  return isInLink || !isWeb(url) ? words : element("a", [words], { href: url });
}

function add(children: Tree[], tree: Tree): void {
  const last = children.at(-1);
  if (tree.kind === "text" && !tree.text) return;
  if (tree.kind === "text" && last?.kind === "text") children[children.length - 1] = text(last.text + tree.text);
  else children.push(tree);
}
