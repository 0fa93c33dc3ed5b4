/** A text that grows on the page, block by block. The thinking is one, and the answer another. */

import { GrowingText } from "../core/blocks.js";
import type { Tree } from "../core/tree.js";
import { patch } from "./patch.js";

/** The last few blocks are always laid out: only those above may be skipped while they are out of sight. */
const NEVER_SKIPPED = 3;

export class GrowingView {
  private readonly text = new GrowingText();
  private drawn: Tree[] = [];
  private isWhole = false;
  private skipped = 0;

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
    const wanted = isOver ? this.text.finish() : this.text.picture();
    patch(this.box, this.drawn, wanted, !isOver);
    this.drawn = wanted;
    this.isWhole = isOver;
    this.skip(wanted.length - NEVER_SKIPPED);
  }

  private skip(count: number): void {
    for (let at = Math.min(this.skipped, count); at < count; at++) {
      const block = this.box.children[at];
      if (block) block.classList.add("magistral-closed");
    }
    this.skipped = Math.max(0, count);
  }
}
