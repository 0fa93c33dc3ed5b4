/** A text that grows on the page, block by block. The thinking is one, and the answer another. */

import { GrowingText } from "../core/blocks.js";
import type { ElementNode, Tree } from "../core/tree.js";
import { LongParagraph } from "./long_paragraph.js";
import { patch } from "./patch.js";

/** The last few blocks are always laid out: only those above may be skipped while they are out of sight. */
const NEVER_SKIPPED = 3;
const LONG_LIST = 30;

export class GrowingView {
  private readonly text = new GrowingText();
  private drawn: Tree[] = [];
  private isWhole = false;
  private skipped = 0;
  private readonly last = new LongParagraph();

  constructor(private readonly box: HTMLElement) {}

  get whole(): string {
    return this.text.whole;
  }

  add(more: string): void {
    this.text.add(more);
    this.isWhole = false;
  }

  /** Draw what there is; `isOver`: no more will come. */
  draw(isOver: boolean): void {
    if (this.isWhole) return;
    const wanted = this.asBoxed(isOver ? this.text.finish() : this.text.picture(), isOver);
    patch(this.box, this.drawn, wanted, !isOver);
    this.drawn = wanted;
    this.isWhole = isOver;
    this.skip(wanted.length - NEVER_SKIPPED);
  }

  /** Prepare for the next picture, once this one is seen: to measure costs nothing then. */
  settle(): void {
    const at = this.drawn.length - 1;
    const drawn = this.drawn[at];
    if (this.isWhole || !isParagraph(drawn)) return;
    this.drawn = this.drawn.with(at, this.last.split(this.box.childNodes[at] as HTMLElement, drawn));
  }

  /** Only the last block may stand in boxes, and only while it grows. */
  private asBoxed(wanted: Tree[], isOver: boolean): Tree[] {
    const at = this.drawn.length - 1;
    const [drawn, grown] = [this.drawn[at], wanted[at]];
    if (!isParagraph(drawn)) return wanted;
    const goesOn = !isOver && at === wanted.length - 1 && isParagraph(grown);
    const boxed = goesOn ? this.last.boxedAs(grown) : null;
    if (boxed) return wanted.with(at, boxed);
    this.drawn = this.drawn.with(at, this.last.join(drawn));
    return wanted;
  }

  private skip(count: number): void {
    for (let at = Math.min(this.skipped, count); at < count; at++) {
      const block = this.box.children[at];
      if (block) markItems(block, 0);
      block?.classList.add("magistral-closed");
    }
    this.skipped = Math.max(0, count);
    for (const block of [...this.box.children].slice(this.skipped)) markItems(block, NEVER_SKIPPED);
  }
}

function isParagraph(tree: Tree | undefined): tree is ElementNode {
  return tree?.kind === "element" && tree.tag === "p";
}

/** The items of a long list may be skipped one by one. */
function markItems(list: Element, never: number): void {
  const { children } = list;
  const last = Number(list.getAttribute("start") ?? 1) + children.length;
  if (list.tagName === "OL") list.classList.toggle("magistral-wide", last > 100);
  if ((list.tagName !== "UL" && list.tagName !== "OL") || children.length < LONG_LIST) return;
  for (let at = children.length - 1 - never; at >= 0; at--) {
    const item = children[at];
    if (!item || item.classList.contains("magistral-closed-item")) return; // and so are those above it
    item.classList.add("magistral-closed-item");
  }
}
