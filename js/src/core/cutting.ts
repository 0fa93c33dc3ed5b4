/** Where a growing text can be cut: above it, nothing changes any more. */

import type { Token } from "markdown-it";
import type { Block } from "./markdown.js";

export interface Cut {
  line: number;
  done: Block[];
  open: Block[];
  /** The cut is between two items of a list: the last of `done` and the first of `open` are parts of one. */
  item?: number;
  /** The cut is between two lines of a fence, which are parts of one as well; this is its first line. */
  opening?: string;
}

/**
 * Return the last place for a cut, or null.
 *
 * The last line is not there to its end: it may turn out to be something else, and belong to the block above it.
 */
export function cutOf(blocks: Block[], lines: string[]): Cut | null {
  const wholeLines = lines.length - 1;
  for (let index = blocks.length - 1; index >= 0; index--) {
    const block = blocks[index] as Block;
    const overlaps = blocks.slice(0, index).some((above) => above.end > block.first); // words after a formula's end
    const mayJoin = block.tokens[0]?.type === "pending"; // no formula after all, it belongs to the block above
    if (overlaps || mayJoin) continue;
    if (index === blocks.length - 1 && isOpenFence(block, lines)) {
      if (wholeLines > block.first + 1) return inFence(blocks, index, lines);
    }
    const item = index === blocks.length - 1 ? lastItem(block, wholeLines) : null;
    if (item && item.line > block.first) return inList(blocks, index, item.token, item.line);
    if (block.first > 0 && block.first < wholeLines) {
      return index === 0 ? null : { line: block.first, done: blocks.slice(0, index), open: blocks.slice(index) };
    }
  }
  return null;
}

function isOpenFence(block: Block, lines: string[]): boolean {
  const [token] = block.tokens;
  if (token?.type !== "fence") return false;
  const last = lines[block.end - 1] ?? "";
  const mark = /^ {0,3}([`~]{3,})[ \t]*$/.exec(last)?.[1] ?? "";
  return block.end - 1 <= block.first || !mark.startsWith(token.markup);
}

function inFence(blocks: Block[], index: number, lines: string[]): Cut {
  const { first, end, tokens } = blocks[index] as Block;
  const [fence] = tokens as [Token];
  const line = lines.length - 1;
  const parts = fence.content.split(/(?<=\n)/);
  const closed = line - first - 1;
  const [above, below] = [parts.slice(0, closed), parts.slice(closed)].map((part) => withContent(fence, part.join("")));
  return {
    line,
    done: [...blocks.slice(0, index), { first, end: line, tokens: [above as Token] }],
    open: [{ first: line, end, tokens: [below as Token] }],
    opening: lines[first] ?? "",
  };
}

function withContent(token: Token, content: string): Token {
  return Object.assign(Object.create(Object.getPrototypeOf(token)), token, { content });
}

function lastItem(block: Block, wholeLines: number): { token: number; line: number } | null {
  if (!block.tokens[0]?.type.endsWith("_list_open")) return null;
  const token = block.tokens.findLastIndex(
    (one) => one.type === "list_item_open" && one.level === 1 && (one.map?.[0] ?? wholeLines) < wholeLines,
  );
  return token === -1 ? null : { token, line: block.tokens[token]?.map?.[0] ?? 0 };
}

function inList(blocks: Block[], index: number, token: number, line: number): Cut {
  const list = blocks[index] as Block;
  const [open, close] = [list.tokens.slice(0, 1), list.tokens.slice(-1)];
  const above: Block = { first: list.first, end: line, tokens: [...list.tokens.slice(0, token), ...close] };
  const below: Block = { first: line, end: list.end, tokens: [...open, ...list.tokens.slice(token)] };
  return { line, done: [...blocks.slice(0, index), above], open: [below], item: token };
}
