/**
 * Which dollar sign is a price, and what may be typeset: the rules of `magistral_nb/rendering/formulas.py`.
 *
 * Dollars follow pandoc's rule (no space inside, no digit after) and a few of prose's own.
 */

/** In characters: a longer formula is shown as code. */
export const LONGEST_FORMULA = 2_000;
/** Groups in each other: a deeper formula is shown as code. */
const DEEPEST_FORMULA = 50;
/** How much of one text is typeset: the characters of its formulas, and 25 for each. The rest are code. */
export const MOST_TYPESET = 25_000;
export const FOR_EACH_FORMULA = 25;

/** Formulas in one text that get MathML besides what is seen; it doubles what the page must lay out. The rest get a label. */
export const MOST_WITH_MATHML = 200;

export const CLOSING: Readonly<Record<string, string>> = { $: "$", $$: "$$", "\\(": "\\)", "\\[": "\\]" };

const PUNCTUATION = /[.,;](?=\s|$)/y;
const WORDS_IN_TEX = /\\(?:text\w*|mathrm|operatorname\*?)\s*\{[^{}]*\}|\\[A-Za-z]+/g;
const PROSE = /\s[A-Za-z]{2,}/;
const ENDING_OF_A_WORD = /[a-z]{1,2}(?![A-Za-z])/y; // as in "the $n$th"
const SOMETHING = /[^\s,.;:'"/\u2013\u2014-]/; // more than punctuation, as in "$, $"
const DIGIT = /^[\p{Nd}²³¹⁰⁴-⁹₀-₉]/u;

const REFUSED = new RegExp(
  "\\\\(?:href|url|includegraphics|html[A-Z]\\w*|cssId|class|style|bbox" + // lead out of the formula
    "|require|def|[gex]def|let|futurelet|(?:re)?new(?:command|environment|tagform)|providecommand" +
    "|Declare\\w+|Newextarrow|definecolor|mathtoolsset" + // change the formulas that come after it
    "|mmlToken|toggle|mathtip|texttip|action|unicode" + // react to the mouse, or show what the source does not
    "|[Rr]ule|Space|raise(?:box)?|lower|move(?:left|right)" +
    "|smash|(?:math)?[rlc]lap)(?![A-Za-z])" + // draw over the rest of the page
    "|(?:\\\\(?:hspace|hskip|kern|mkern|mskip|mspace)\\*?\\s*\\{?|\\\\\\\\\\s*\\[)\\s*-?\\s*" +
    "(?:\\d{3}|\\d{2}[\\d.]*\\s*(?:em|ex|cm|in|pc))" + // … as do long distances
    "|\\*\\s*\\{\\s*\\d{3}", // an array of hundreds of columns
);
const GROUPS = /[{}]|\\(?:begin|end|left|right)(?![A-Za-z])|\\./gs;
const DEEPER: Readonly<Record<string, number>> = {
  "{": 1,
  "\\begin": 1,
  "\\left": 1,
  "}": -1,
  "\\end": -1,
  "\\right": -1,
};
const LABEL = /\\label\s*\{[^{}]*\}/g;

export interface Formula {
  opening: string;
  tex: string;
  end: number;
}

export function isDisplay(opening: string): boolean {
  return opening !== "$" && opening !== "\\(";
}

/** Tell whether a formula is too long, or asks for what a formula has no business with. */
export function isRefused(tex: string): boolean {
  return tex.length > LONGEST_FORMULA || REFUSED.test(tex) || depth(tex) > DEEPEST_FORMULA;
}

function depth(tex: string): number {
  let now = 0;
  let deepest = 0;
  for (const [sign] of tex.matchAll(GROUPS)) {
    now += DEEPER[sign] ?? 0;
    deepest = Math.max(deepest, now);
  }
  return deepest;
}

/** Return the formula without labels, which would become ids of the page. */
export function withoutLabels(tex: string): string {
  return tex.replace(LABEL, "");
}

/** Return the formula as it was written. */
export function formulaSource(tex: string, opening: string): string {
  return opening in CLOSING ? opening + tex + CLOSING[opening] : tex;
}

export function openingAt(text: string, at: number): string {
  const two = text.slice(at, at + 2);
  if (two === "\\(" || two === "\\[") return two;
  if (text[at] !== "$" || text[at - 1] === "$") return "";
  if (text[at + 1] !== "$") return "$";
  return text[at + 2] === "$" ? "" : "$$";
}

/** Where the inside of a formula ends: at what may close it, at what may not stand in it, or at the end of the text. */
export function insideEnd(text: string, from: number, opening: string, end = text.length): number {
  const brackets = opening === "\\(" ? "()" : "[]";
  let at = from;
  while (at < end) {
    const character = text[at] as string;
    if (character === "`") return at;
    if (character === "\\") {
      if (opening[0] === "\\" && brackets.includes(text[at + 1] ?? " ")) return at;
      if (at + 1 >= end) return at;
      at += 2;
    } else if (character === "$" && opening[0] === "$" && (opening === "$" || text[at + 1] === "$")) return at;
    else at += 1;
  }
  return at;
}

/** Return what stands between the opening and the closing that fits it, or null. */
export function insideOf(text: string, from: number, opening: string, end = text.length): string | null {
  const at = insideEnd(text, from, opening, end);
  const closing = CLOSING[opening] as string;
  if (at === from || at + closing.length > end || !text.startsWith(closing, at)) return null;
  if (closing[0] === "$" && at + closing.length < end && text[at + closing.length] === "$") return null;
  return text.slice(from, at);
}

export function says(inside: string | null): inside is string {
  return inside !== null && SOMETHING.test(inside);
}

/** Return the formula that begins here, or null. */
export function formulaAt(text: string, start: number, end = text.length): Formula | null {
  const opening = openingAt(end < text.length ? text.slice(0, end) : text, start);
  if (!opening) return null;
  const from = start + opening.length;
  const inside = insideOf(text, from, opening, end);
  if (!says(inside)) return null;
  if (opening === "$" && !meansFormula(text, start, inside)) return null;
  return withPunctuation(opening, inside, text, from + inside.length + opening.length, end);
}

/** Take the full stop after a display formula into it: alone on the next line it would look lost. */
export function withPunctuation(opening: string, tex: string, text: string, after: number, end = text.length): Formula {
  PUNCTUATION.lastIndex = after;
  const mark = isDisplay(opening) && after < end && PUNCTUATION.test(text) ? (text[after] as string) : "";
  return { opening, tex: tex + mark, end: after + mark.length };
}

/** Tell `$x$` from prices and shell variables: `$5 and $6`, `US$5/$10`, `$HOME/$USER`, `5 to $6, or x$`. */
function meansFormula(text: string, start: number, tex: string): boolean {
  const end = start + 1 + tex.length;
  const before = text[start - 1] ?? "";
  const after = text[end + 1] ?? "";
  if (/^\s|\s$/.test(tex) || DIGIT.test(text.slice(end + 1, end + 3)) || after === "{") return false;
  if (/[A-Za-z0-9]/.test(before) || (after === "(" && tex[0] === "(")) return false;
  if (/[A-Za-z]/.test(after)) {
    ENDING_OF_A_WORD.lastIndex = end + 1;
    return ENDING_OF_A_WORD.test(text) && /[\p{L}\p{N}})\]]$/u.test(tex);
  }
  return !isSentence(tex);
}

/** Tell a price with words after it from a formula that begins with a number. */
export function isSentence(tex: string): boolean {
  return DIGIT.test(tex) && PROSE.test(tex.replace(WORDS_IN_TEX, ""));
}
