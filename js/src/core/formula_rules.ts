/** Teaches markdown-it formulas, so that emphasis, lists and table cells leave them alone. Twin of `formulas.py`. */

import type { MarkdownIt, StateBlock, StateCore, StateInline } from "markdown-it";
import { CLOSING, type Formula, formulaAt, insideOf, LONGEST_FORMULA, says, withPunctuation } from "./formulas.js";

const BLOCK_OPENING = /\\\[|\$\$(?!\$)|\\begin\{(?:align|alignat|eqnarray|equation|flalign|gather|multline)\*?\}/y;
const CODE_OR_OPENING = /(?<!`)(`+)(?!`)[^`]*\1(?!`)|\\.|\$+/g;
const BAR = /(?<!\\)\|/g; // `\|` is how Markdown itself spells a bar in a cell
const STAND_IN = "\ufdd0"; // never in a text here: `plain` has made it visible

export function addFormulas(parser: MarkdownIt): void {
  parser.inline.ruler.before("escape", "formula", inline);
  parser.block.ruler.before("table", "formula", block, { alt: ["paragraph", "reference", "blockquote", "list"] });
  parser.core.ruler.before("block", "hide_pipes", hidePipes);
  parser.core.ruler.after("block", "show_pipes", showPipes);
}

function inline(state: StateInline, silent: boolean): boolean {
  const formula = formulaAt(state.src, state.pos, state.posMax);
  if (!formula) return false;
  if (!silent) {
    const token = state.push("formula", "span", 0);
    token.markup = formula.opening;
    token.content = formula.tex;
  }
  state.pos = formula.end;
  return true;
}

/** Read a formula that begins a line, so that its lines are not taken for lists or headings. */
function block(state: StateBlock, first: number, end: number, silent: boolean): boolean {
  const start = (state.bMarks[first] ?? 0) + (state.tShift[first] ?? 0);
  BLOCK_OPENING.lastIndex = start;
  const opening = BLOCK_OPENING.exec(state.src)?.[0];
  if (!opening || (state.sCount[first] ?? 0) - state.blkIndent >= 4) return false;
  const { lines, isOpen } = linesToClosing(state, first, end, opening);
  const text = lines.join("\n");
  if (isOpen) return state.env.live === true && pending(state, first, end, text, silent);
  const formula = whole(opening, text);
  const rest = formula ? text.slice(formula.end).trimStart() : "";
  if (!formula || (rest && lines.length === 1)) return false;
  if (!silent) push(state, formula, first, lines.length, rest);
  return true;
}

function push(state: StateBlock, formula: Formula, first: number, lines: number, rest: string): void {
  const token = state.push("formula", "div", 0);
  token.block = true;
  token.map = [first, first + lines];
  token.markup = formula.opening;
  token.content = formula.tex;
  state.line = first + lines;
  if (!rest) return;
  const line = state.line - 1; // let the parser read the rest of the closing line as if it were a line
  state.line = line;
  state.bMarks[line] = (state.eMarks[line] ?? 0) - rest.length;
  state.tShift[line] = 0;
  state.sCount[line] = state.blkIndent;
}

/** Hold a formula whose end has not come yet, so that its lines do not flicker as headings and lists meanwhile. */
function pending(state: StateBlock, first: number, end: number, text: string, silent: boolean): boolean {
  if (text.length > LONGEST_FORMULA) {
    state.env.doubtful = true;
    return false;
  }
  if (!silent) {
    const token = state.push("pending", "div", 0);
    token.map = [first, end];
    token.content = text;
    state.line = end;
  }
  return true;
}

interface Lines {
  lines: string[];
  /** No line closes, and none forbids that a later one does. */
  isOpen: boolean;
}

const NONE: Lines = { lines: [], isOpen: false };

/** Return the lines up to the one that closes, without quote marks and indents; none if none closes. */
function linesToClosing(state: StateBlock, first: number, end: number, opening: string): Lines {
  const closing = CLOSING[opening] ?? opening.replace("begin", "end");
  const lines: string[] = [];
  for (let line = first; line < end; line++) {
    const text = state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
    const inside = lines.length ? text : text.slice(opening.length);
    if (lines.length && !belongs(state, line, text, lines, opening)) return NONE;
    lines.push(text);
    if (inside.includes(closing)) return { lines, isOpen: false };
    if (inside.includes(opening) || inside.includes("`")) return NONE;
  }
  return { lines, isOpen: true };
}

/** Tell whether a line can be part of the formula that the earlier lines began. */
function belongs(state: StateBlock, line: number, text: string, lines: string[], opening: string): boolean {
  // `$$` is also how a price range is written, so only one that stands alone may hold blank lines
  if (!text) return opening[0] === "\\" || (lines[0] as string).trim() === opening;
  return (state.sCount[line] ?? 0) >= (lines.at(-1) ? 0 : state.blkIndent);
}

function whole(opening: string, text: string): Formula | null {
  if (!(opening in CLOSING)) {
    const closing = opening.replace("begin", "end");
    const end = text.indexOf(closing) + closing.length;
    return text ? withPunctuation(opening, text.slice(0, end), text, end) : null;
  }
  const inside = insideOf(text, opening.length, opening);
  if (!says(inside)) return null;
  return withPunctuation(opening, inside, text, inside.length + 2 * opening.length);
}

/** Hide the bars inside formulas, because a table is cut at its bars before formulas are read. */
function hidePipes(state: StateCore): void {
  if (!state.src.includes("|")) return;
  const lines = state.src.split("\n");
  state.src = lines.map((line) => (line.includes("|") ? withoutPipes(line) : line)).join("\n");
}

function withoutPipes(line: string): string {
  let shown = "";
  let done = 0;
  for (;;) {
    CODE_OR_OPENING.lastIndex = done;
    const found = CODE_OR_OPENING.exec(line);
    if (!found) return shown + line.slice(done);
    const formula = formulaAt(line, found.index);
    const end = formula?.end ?? found.index + found[0].length;
    const piece = line.slice(found.index, end);
    shown += line.slice(done, found.index) + (formula ? piece.replace(BAR, STAND_IN) : piece);
    done = end;
  }
}

function showPipes(state: StateCore): void {
  for (const token of state.tokens) {
    token.content = token.content.replaceAll(STAND_IN, "|");
    token.info = token.info.replaceAll(STAND_IN, "|");
  }
}
