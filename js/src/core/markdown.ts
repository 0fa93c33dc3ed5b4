/** A Markdown text as trees: CommonMark with tables, strikethrough and formulas, HTML shown as text. */

import Parser, { type Env, type MarkdownIt, type StateBlock, type StateInline, type Token } from "markdown-it";
import { addFormulas } from "./formula_rules.js";
import { linkTarget } from "./links.js";
import { plain } from "./text.js";
import { type FormulaCount, trees } from "./tokens.js";
import { element, type Tree, text } from "./tree.js";

// The limits of magistral_nb/rendering/markdown.py: a text beyond one of them is shown as it is, unformatted.
export const LONGEST_TEXT = 1_000_000;
export const MOST_MARKS = 30_000;
const MOST_TOKENS = 30_000;
const DEEPEST_NESTING = 40;
const MARK = /[\n!$&*<[\\\]_`|~]/g;
const WEIGHTS: Readonly<Record<string, number>> = { "[": 4, "\n": 2, "<": 2 };

class TooMuch extends Error {}

function countTokens(state: StateBlock): boolean {
  if (state.tokens.length > MOST_TOKENS) throw new TooMuch();
  return false;
}

/** Read an image, whose description is only text: one within another would be read again by each around it. */
function outsideOfImages(parser: MarkdownIt): (state: StateInline, silent: boolean) => boolean {
  const image = parser.inline.ruler.__rules__.find((rule) => rule.name === "image")?.fn;
  return (state, silent) => {
    if (state.env.inImage || !image) return false;
    state.env.inImage = true;
    try {
      return image(state, silent);
    } finally {
      state.env.inImage = false;
    }
  };
}

let made: MarkdownIt | undefined;

function parser(): MarkdownIt {
  made ??= makeParser();
  return made;
}

function makeParser(): MarkdownIt {
  const parser = new Parser("commonmark", { html: false, xhtmlOut: false, maxNesting: DEEPEST_NESTING });
  parser.enable(["table", "strikethrough"]);
  parser.validateLink = (url) => linkTarget(url) !== "";
  addFormulas(parser);
  parser.block.ruler.before("formula", "count_tokens", countTokens);
  parser.inline.ruler.at("image", outsideOfImages(parser));
  return parser;
}

/** A block that stands in no other, and the lines it takes. */
export interface Block {
  first: number;
  end: number;
  tokens: Token[];
}

export type References = NonNullable<Env["references"]>;

export interface Parsed {
  blocks: Block[];
  /** Nested too deep, or of too many pieces. */
  isTooMuch: boolean;
  /** A formula was given up that a later line may still close. */
  isDoubtful: boolean;
}

/** Cut a clean text into its outermost blocks. `live` holds formulas open whose end may still come. */
export function parse(cleaned: string, references: References = {}, live = false): Parsed {
  const environment: Env = { references, live };
  const tokens = tokensOf(cleaned, environment);
  if (!tokens) return { blocks: [], isTooMuch: true, isDoubtful: false };
  const isTooMuch = tokens.length > MOST_TOKENS || tokens.some((token) => token.level >= DEEPEST_NESTING - 1);
  const blocks: Block[] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) {
      const [first, end] = token.map ?? [0, 0];
      blocks.push({ first, end, tokens: [token] });
    } else blocks.at(-1)?.tokens.push(token);
  }
  return { blocks, isTooMuch, isDoubtful: environment.doubtful === true };
}

function tokensOf(cleaned: string, environment: Env): Token[] | null {
  try {
    return parser().parse(cleaned, environment);
  } catch (error) {
    if (error instanceof TooMuch) return null;
    throw error;
  }
}

export function countMarks(content: string): number {
  let cost = 0;
  for (const [mark] of content.matchAll(MARK)) cost += WEIGHTS[mark] ?? 1;
  return cost;
}

export function unformatted(content: string): Tree[] {
  return [element("pre", [text(plain(content))], { dir: "auto" })];
}

/** Return what a whole text shows. */
export function markdown(content: string): Tree[] {
  const cleaned = plain(content);
  if (codePoints(cleaned) > LONGEST_TEXT || countMarks(cleaned) > MOST_MARKS) return unformatted(cleaned);
  const { blocks, isTooMuch } = parse(cleaned);
  if (isTooMuch) return unformatted(cleaned);
  const count: FormulaCount = { formulas: 0, typeset: 0 };
  return blocks.flatMap((block) => trees(block.tokens, count));
}

function codePoints(content: string): number {
  if (content.length <= LONGEST_TEXT) return content.length;
  let pairs = 0;
  for (let at = 0; at < content.length; at++) if ((content.charCodeAt(at) & 0xfc00) === 0xdc00) pairs += 1;
  return content.length - pairs;
}
