/**
 * A long paragraph that still grows. A page lays out all lines of a paragraph again when a word is added to it, so its
 * last lines stand in a box of their own meanwhile, and when that is full the next is begun. It looks the same, and only
 * the last box is laid out again. At its end the paragraph is one again, and so it is when its width changes.
 */

import { type ElementNode, element, same, type Tree, text } from "../core/tree.js";
import { make } from "./dom.js";

/** In CSS pixels: how much may stand in the last box, and how much of it goes on into the next. */
const FULL = 360;
const GOES_ON = 72;

export class LongParagraph {
  private paragraph: HTMLElement | null = null;
  /** What stands above the last box: the paragraph's own nodes, and then full boxes. */
  private above: readonly Tree[] = [];
  private width = 0;

  /** Begin the next box if the last one is full; return the trees of the paragraph's nodes as they are then. */
  split(paragraph: HTMLElement, drawn: ElementNode): ElementNode {
    if (this.paragraph && paragraph.clientWidth !== this.width) return this.join(drawn);
    const last = this.paragraph ? (paragraph.lastElementChild as HTMLElement) : paragraph;
    if (last.offsetHeight < FULL || isSelected(paragraph)) return drawn;
    const tree = this.paragraph ? (drawn.children.at(-1) as ElementNode) : drawn;
    const start = lineAbove(last, last.getBoundingClientRect().bottom - GOES_ON);
    const cut = start && tree.children[start.child];
    if (!start || cut?.kind !== "text") return drawn;
    const box = make(paragraph.ownerDocument, "span", { class: "magistral-lines" });
    start.node.splitText(start.offset);
    box.append(...[...last.childNodes].slice(start.child + 1));
    if (last !== paragraph) last.classList.add("magistral-full");
    paragraph.append(box);
    const full = [...tree.children.slice(0, start.child), text(cut.text.slice(0, start.offset))];
    const rest = [text(cut.text.slice(start.offset)), ...tree.children.slice(start.child + 1)];
    this.above = this.paragraph ? [...this.above, element("span", full)] : full;
    this.paragraph = paragraph;
    this.width = paragraph.clientWidth;
    return { ...drawn, children: [...this.above, element("span", rest)] };
  }

  /** Return a grown paragraph in the same boxes, or null if what is in the full ones is no longer what it says. */
  boxedAs(wanted: ElementNode): ElementNode | null {
    if (!this.paragraph) return wanted;
    let at = 0;
    let from = 0;
    for (const part of unboxed(this.above)) {
      const child = wanted.children[at];
      if (part.kind === "text" && child?.kind === "text" && child.text.startsWith(part.text, from)) {
        from += part.text.length;
        if (from < child.text.length) continue;
      } else if (!child || from > 0 || !same(part, child)) return null;
      at += 1;
      from = 0;
    }
    const child = wanted.children[at];
    const isCut = from > 0 && child?.kind === "text";
    const rest = isCut ? [text(child.text.slice(from)), ...wanted.children.slice(at + 1)] : wanted.children.slice(at);
    return rest.length ? { ...wanted, children: [...this.above, element("span", rest)] } : null;
  }

  /** Make the paragraph one again; return the trees of its nodes. */
  join(drawn: ElementNode): ElementNode {
    const { paragraph } = this;
    if (!paragraph) return drawn;
    [this.paragraph, this.above] = [null, []];
    keepingSelection(paragraph, () => {
      for (const box of paragraph.querySelectorAll(":scope > .magistral-lines")) box.replaceWith(...box.childNodes);
      paragraph.normalize();
    });
    const children: Tree[] = [];
    for (const part of unboxed(drawn.children)) {
      const last = children.at(-1);
      if (part.kind === "text" && last?.kind === "text") children[children.length - 1] = text(last.text + part.text);
      else children.push(part);
    }
    return { ...drawn, children };
  }
}

function unboxed(trees: readonly Tree[]): Tree[] {
  return trees.flatMap((tree) => (tree.kind === "element" && tree.tag === "span" ? tree.children : [tree]));
}

interface LineStart {
  child: number;
  node: Text;
  offset: number;
}

/** Find the last line that begins above a height within one of a box's own texts. */
function lineAbove(box: HTMLElement, height: number): LineStart | null {
  const range = box.ownerDocument.createRange();
  for (let child = box.childNodes.length - 1; child >= 0; child--) {
    const node = box.childNodes[child] as ChildNode;
    if (node.nodeType !== 3) continue;
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()];
    const line = rects.findLast(
      (rect, at) => rect.top <= height && rect.top >= (rects[at - 1]?.bottom ?? Infinity) - 1,
    );
    if (line) return { child, node: node as Text, offset: offsetOf(range, node as Text, line.top) };
  }
  return null;
}

/** Return where in a text the line begins that lies at a height. */
function offsetOf(range: Range, node: Text, top: number): number {
  let [before, at] = [0, node.data.length - 1];
  while (at - before > 1) {
    const middle = (before + at) >> 1;
    range.setStart(node, middle);
    range.setEnd(node, middle + 1);
    if (range.getBoundingClientRect().top >= top - 1) at = middle;
    else before = middle;
  }
  return at;
}

function isSelected(paragraph: HTMLElement): boolean {
  const selection = paragraph.ownerDocument.getSelection();
  return Boolean(selection && !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(paragraph));
}

/** Select again what was selected, after nodes were moved. */
function keepingSelection(paragraph: HTMLElement, move: () => void): void {
  const selection = paragraph.ownerDocument.getSelection();
  if (!selection || !isSelected(paragraph)) {
    move();
    return;
  }
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  const anchor = placeOf(paragraph, anchorNode, anchorOffset);
  const focus = placeOf(paragraph, focusNode, focusOffset);
  move();
  selection.setBaseAndExtent(...nodeAt(paragraph, anchor), ...nodeAt(paragraph, focus));
}

type Place = number | [Node, number];

/** A place in the paragraph is told by the characters before it, any other by its node. */
function placeOf(paragraph: HTMLElement, node: Node | null, offset: number): Place {
  if (!node || node === paragraph || !paragraph.contains(node)) return [node ?? paragraph, offset];
  const range = paragraph.ownerDocument.createRange();
  range.setStart(paragraph, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

function nodeAt(paragraph: HTMLElement, place: Place): [Node, number] {
  if (typeof place !== "number") return place;
  const walker = paragraph.ownerDocument.createTreeWalker(paragraph, 4);
  let left = place;
  for (let node = walker.nextNode() as Text | null; node; node = walker.nextNode() as Text | null) {
    if (left <= node.data.length) return [node, left];
    left -= node.data.length;
  }
  return [paragraph, paragraph.childNodes.length];
}
