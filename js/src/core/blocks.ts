/**
 * A text that grows: blocks that are closed are read once and kept, and only the open end is read again.
 *
 * Markdown is not made for this. What a closed block shows can still change: a reference may be defined below it. Where
 * that can be, the whole text is read once more at the end, and what was right stays the same object.
 */

import { type Cut, cutOf } from "./cutting.js";
import { shownNow } from "./held.js";
import {
  type Block,
  countMarks,
  LONGEST_TEXT,
  MOST_MARKS,
  markdown,
  parse,
  type References,
  unformatted,
} from "./markdown.js";
import { plain } from "./text.js";
import { type FormulaCount, trees } from "./tokens.js";
import { type CodeNode, type ElementNode, same, type Tree } from "./tree.js";

interface OpenFence {
  opening: string;
  tree: CodeNode;
}

export class GrowingText {
  private text = "";
  /** Where the open end begins. */
  private cut = 0;
  private closed: Tree[] = [];
  /** The list whose last item is still open; its closed items are in it. */
  private list: { tree: ElementNode; marker: string } | null = null;
  /** The fence that is still open: its first line, which is read again before its open lines, and its closed ones. */
  private fence: OpenFence | null = null;
  private formulas: FormulaCount = { formulas: 0, typeset: 0 };
  private references: References = {};
  private marks = 0;
  private isTooMuch = false;
  private isDoubtful = false;

  get whole(): string {
    return this.text;
  }

  add(more: string): void {
    this.text += more;
    this.marks += countMarks(more);
    if (this.text.length > 2 * LONGEST_TEXT || this.marks > MOST_MARKS) this.isTooMuch = true;
  }

  /** Return what to show now. Trees of closed blocks are the same objects each time. */
  picture(): Tree[] {
    if (this.isTooMuch) return unformatted(this.text);
    const tail = cleaned(this.openEnd());
    const shown = shownNow(tail);
    const parsed = parse(shown, { ...this.references }, true);
    this.isDoubtful ||= parsed.isDoubtful;
    if (parsed.isTooMuch) {
      this.isTooMuch = true;
      return unformatted(this.text);
    }
    const open = this.close(parsed.blocks, tail);
    return [...this.closed, ...this.merged(open, { ...this.formulas })];
  }

  /** Return what the whole text shows; what was shown right already is the same object. */
  finish(): Tree[] {
    if (!this.isInDoubt()) {
      const { blocks, isTooMuch } = parse(plain(this.openEnd()), { ...this.references });
      if (!isTooMuch) return [...this.closed, ...this.merged(blocks, { ...this.formulas })];
    }
    const shown = [...this.closed, ...(this.list ? [this.list.tree] : [])];
    return markdown(this.text).map((tree, index) => kept(shown[index], tree));
  }

  private openEnd(): string {
    return (this.fence?.opening ?? "") + this.text.slice(this.cut);
  }

  /** Tell whether something that came late may change what is closed: then the whole text is read once more. */
  private isInDoubt(): boolean {
    return this.isTooMuch || this.isDoubtful || this.text.includes("]:") || this.text.length > LONGEST_TEXT;
  }

  /** Keep the blocks that no later text can change, and return those that it can. */
  private close(blocks: Block[], tail: string): Block[] {
    const lines = tail.split("\n");
    const cut = cutOf(blocks, lines);
    if (!cut) return blocks;
    if (cut.opening !== undefined) return this.closeInFence(cut, lines);
    const { list } = this;
    const done = this.merged(cut.done, this.formulas);
    const isInList = cut.item !== undefined;
    this.isDoubtful ||= isInList && !saysWhetherLoose(cut.done.at(-1));
    const goesOn = isInList ? (done.pop() as ElementNode) : null;
    this.list = goesOn ? { tree: goesOn, marker: cut.open[0]?.tokens[0]?.markup ?? "" } : null;
    if (!cut.done.length) this.list = list;
    this.closed.push(...done);
    this.moveTo(lines, cut.line);
    return cut.open;
  }

  private closeInFence(cut: Cut, lines: string[]): Block[] {
    const done = this.merged(cut.done, this.formulas);
    const tree = done.pop() as CodeNode;
    this.closed.push(...done);
    this.list = null;
    this.moveTo(lines, cut.line);
    this.fence = { opening: `${cut.opening}\n`, tree };
    return cut.open;
  }

  private moveTo(lines: string[], line: number): void {
    const source = lines.slice(0, line).join("\n");
    if (source.includes("]:")) parse(source, this.references);
    let at = this.cut;
    for (let count = this.fence ? 1 : 0; count < line; count++) at = this.text.indexOf("\n", at) + 1;
    this.cut = at;
    this.fence = null;
  }

  /** Return the trees of some blocks; a list or a fence that goes on takes in what of it is closed already. */
  private merged(blocks: Block[], count: FormulaCount): Tree[] {
    const shown = blocks.flatMap((block) => trees(block.tokens, count));
    if (this.fence) return withClosedLines(this.fence.tree, shown);
    if (!this.list) return shown;
    const [first, ...rest] = shown;
    const goesOn = first?.kind === "element" && first.tag === this.list.tree.tag;
    if (!goesOn || blocks[0]?.tokens[0]?.markup !== this.list.marker) return [this.list.tree, ...shown];
    return [joined(this.list.tree, first), ...rest];
  }
}

function joined(list: ElementNode, more: ElementNode): ElementNode {
  const both: ElementNode = { ...list, children: [...list.children, ...more.children] };
  if (list.loose || more.loose) both.loose = true;
  return both;
}

function withClosedLines(fence: CodeNode, [first, ...rest]: Tree[]): Tree[] {
  return first?.kind === "code" ? [{ ...first, text: fence.text + first.text }, ...rest] : [fence];
}

/** Only items with a paragraph tell whether their list is loose. */
function saysWhetherLoose(list: Block | undefined): boolean {
  let items = 0;
  for (const token of list?.tokens ?? []) {
    if (token.type === "list_item_open" && token.level === 1) items += 1;
    if (token.type === "paragraph_open" && token.level === 2 && items > 0) items = 0;
  }
  return items === 0;
}

/** Return a clean text without the half character that a delta may end in. */
function cleaned(tail: string): string {
  return plain(tail.replace(/[\ud800-\udbff\r]$/, ""));
}

/** Return the tree that was shown if it shows the same as the right one, else the right one with its right parts kept. */
function kept(shown: Tree | undefined, right: Tree): Tree {
  if (shown && same(shown, right)) return shown;
  if (shown?.kind !== "element" || right.kind !== "element" || shown.tag !== right.tag) return right;
  return { ...right, children: right.children.map((child, index) => kept(shown.children[index], child)) };
}
