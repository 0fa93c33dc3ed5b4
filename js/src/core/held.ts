/**
 * What of a growing text may be shown already. A half-typed mark would show as one thing now and as another a moment
 * later: the dash of a list as a heading, the first half of a formula as words, two stars as stars. It is held back
 * for that moment, or closed for it.
 */

import { formulaAt, insideEnd, isSentence, openingAt } from "./formulas.js";

const ONLY_MARKS = /^[\s>]*(?:[-=*+_#`~|:]|\d{1,9}[.)]?)[-=*+_#`~|:\s]*$/;
const HALF_LINK = /!?\[[^[\]\n]{0,80}(?:\](?:\([^()\s]{0,500})?)?$/;
const FENCE = /^[ >]{0,6}(?:(?:[-*+]|\d+[.)]) +)*\s*(`{3,}|~{3,})/;
const HALF_MARKS = /[*_~`]+$|\\$/;
const LONGEST_HELD: Readonly<Record<string, number>> = { $: 120, $$: 1_000, "\\(": 400, "\\[": 1_000 };

/** Return the text as it should be parsed now. What is left out or added is in its last block only. */
export function shownNow(tail: string): string {
  const lineStart = tail.lastIndexOf("\n") + 1;
  const lastLine = tail.slice(lineStart);
  if (isInFence(tail.slice(0, lineStart))) return /^\s*[`~]+$/.test(lastLine) ? tail.slice(0, lineStart) : tail;
  const table = tableToBe(tail, lineStart);
  if (table !== -1) return tail.slice(0, table);
  if (lastLine && (ONLY_MARKS.test(lastLine) || FENCE.test(lastLine))) return tail.slice(0, lineStart);
  const scanned = scan(tail, paragraphStart(tail));
  const end = halfLink(tail, scanned.end);
  return closed(tail.slice(0, end), scanned);
}

/** Tell whether the text ends inside a fence that is still open. */
export function isInFence(tail: string): boolean {
  let open = "";
  for (const line of tail.split("\n")) {
    const mark = FENCE.exec(line)?.[1] ?? "";
    if (!open) open = mark;
    else if (mark.startsWith(open) && line.trim() === mark) open = "";
  }
  return open !== "";
}

/** Return where a row begins that becomes the head of a table once the line below it says so, or -1. */
function tableToBe(tail: string, lineStart: number): number {
  const above = tail.lastIndexOf("\n", lineStart - 2) + 1;
  const isRowAbove = lineStart > 0 && /^ *\|/.test(tail.slice(above, lineStart));
  const line = tail.slice(lineStart);
  if (!isRowAbove) return /^ *\|/.test(line) ? lineStart : -1;
  const top = tail.lastIndexOf("\n", above - 2) + 1;
  const isHead = above === 0 || !/^ *\|/.test(tail.slice(top, above));
  return isHead && /^[ |:-]*$/.test(line) ? above : -1;
}

function paragraphStart(tail: string): number {
  return tail.lastIndexOf("\n\n") + 1;
}

interface Scanned {
  /** Where a formula begins that may still close, or the end of the text. */
  end: number;
  /** Marks that have begun something and not ended it: stars and ticks, in the order in which they opened. */
  open: string[];
}

function scan(tail: string, from: number): Scanned {
  const open: string[] = [];
  let at = from;
  while (at < tail.length) {
    const character = tail[at] as string;
    if (character === "`") {
      const run = /^`+/.exec(tail.slice(at, at + 80))?.[0] ?? "`";
      const end = tail.indexOf(run, at + run.length);
      if (end === -1) return { end: tail.length, open: at + run.length < tail.length ? [...open, run] : open };
      at = end + run.length;
    } else if (character === "$" || character === "\\") {
      const next = formulaAt(tail, at)?.end ?? -1;
      if (next === -1 && isPending(tail, at)) return { end: at, open };
      at = next === -1 ? at + (character === "\\" ? 2 : openingAt(tail, at).length || 1) : next;
    } else if (character === "*") at = star(tail, at, open);
    else at += 1;
  }
  return { end: tail.length, open };
}

/** Take in one run of stars: it closes what it can, or opens where a word follows it. */
function star(tail: string, at: number, open: string[]): number {
  const run = tail.startsWith("**", at) ? "**" : "*";
  const next = at + run.length;
  const opened = open.lastIndexOf(run);
  if (run === "*" && next === tail.length && open.at(-1) === "**") return next; // half of what closes it
  if (opened !== -1 && /\S/.test(tail[at - 1] ?? " ")) open.splice(opened);
  else if (/[^\s*]/.test(tail[next] ?? " ") && !/[\p{L}\p{N}]/u.test(tail[at - 1] ?? " ")) open.push(run);
  return next;
}

/** Tell whether a formula has begun here that the text to come may close. */
function isPending(tail: string, at: number): boolean {
  const opening = openingAt(tail, at);
  if (!opening) return at === tail.length - 1; // a lone backslash at the end
  const from = at + opening.length;
  const inside = tail.slice(from);
  if (inside.length > (LONGEST_HELD[opening] ?? 0)) return false;
  if (insideEnd(tail, from, opening) < tail.length - 1) return false;
  return opening !== "$" || !(/^\s/.test(inside) || inside.includes("\n") || isPrice(tail, at, inside));
}

function isPrice(tail: string, at: number, inside: string): boolean {
  return isSentence(inside) || /^\d[\d.,]*(?:[\s.,;:)]|$)/.test(inside) || /[A-Za-z0-9]/.test(tail[at - 1] ?? "");
}

function halfLink(tail: string, end: number): number {
  const half = HALF_LINK.exec(tail.slice(Math.max(0, end - 600), end));
  return half ? end - half[0].length : end;
}

/** Close bold and code for the moment, so that their marks are never seen. */
function closed(shown: string, { open }: Scanned): string {
  const last = open.at(-1) ?? "";
  const closers = open.toReversed().join("");
  if (last[0] === "`") return last.length === 1 ? shown + closers : shown;
  const half = HALF_MARKS.exec(shown)?.[0] ?? "";
  const isClosing = half !== "\\" && /\S$/.test(shown.slice(0, shown.length - half.length));
  const isHalf = half === "*" && last === "**";
  const whole = isClosing && !isHalf ? shown : shown.slice(0, shown.length - half.length);
  return open.length ? whole.trimEnd() + closers : whole;
}
