// @vitest-environment jsdom
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { emptyReply, type ReplyEvent } from "../src/core/protocol.js";
import { ReplyView } from "../src/view/reply.js";

/** A page of fixed letters, as jsdom lays nothing out: so many stand in a line, and lines are so high. */
const LETTERS = 40;
const LINE = 20;
let width = 600;
let host: HTMLElement;

const boxOf = (node: Node): Element =>
  (node as Element).closest?.(".magistral-lines, p") ?? (node.parentElement?.closest(".magistral-lines, p") as Element);
const isOwn = (node: Node): boolean => !(node as Element).classList?.contains("magistral-lines");
const own = (box: Element): string => [...box.childNodes].map((node) => (isOwn(node) ? node.textContent : "")).join("");
const heightOf = (box: Element): number => LINE * Math.ceil(own(box).length / LETTERS);

function above(box: Element): number {
  if (box.tagName === "P") return 0;
  const paragraph = box.parentElement as Element;
  const boxes = [...paragraph.querySelectorAll(".magistral-lines")];
  return [paragraph, ...boxes.slice(0, boxes.indexOf(box))].reduce((sum, one) => sum + heightOf(one), 0);
}

function topOf(text: Node, offset: number): number {
  let before = offset;
  for (let node = text.previousSibling; node; node = node.previousSibling) before += node.textContent?.length ?? 0;
  return above(boxOf(text)) + LINE * Math.floor(before / LETTERS);
}

const rect = (top: number, height = LINE): DOMRect => ({ top, bottom: top + height, height }) as DOMRect;

beforeEach(() => {
  vi.useFakeTimers();
  width = 600;
  host = document.body.appendChild(document.createElement("div"));
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockImplementation(() => width);
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (this: HTMLElement) {
    const boxes = this.tagName === "P" ? [...this.querySelectorAll(".magistral-lines")] : [];
    return [this, ...boxes].reduce((sum, box) => sum + heightOf(box), 0);
  });
  vi.spyOn(Element.prototype, "getBoundingClientRect").mockImplementation(function (this: Element) {
    return boxOf(this) === this ? rect(above(this), (this as HTMLElement).offsetHeight) : rect(0);
  });
  Range.prototype.getBoundingClientRect = function () {
    return rect(topOf(this.startContainer, this.startOffset));
  };
  Range.prototype.getClientRects = function () {
    const tops = Array.from({ length: (this.startContainer as Text).length }, (_, at) =>
      topOf(this.startContainer, at),
    );
    return [...new Set(tops)].map((top) => rect(top)) as unknown as DOMRectList;
  };
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  host.remove();
});

const DONE: ReplyEvent = { type: "done", finish_reason: "stop", at: 20 };
const answer = (): HTMLElement => host.querySelector(".magistral-answer") as HTMLElement;
const boxes = (): HTMLElement[] => [...answer().querySelectorAll<HTMLElement>("p > .magistral-lines")];

function live(): (text: string) => void {
  const view = new ReplyView(host);
  return (text) => {
    view.add(text ? [{ type: "answer.delta", text, at: 1 }] : [DONE]);
    vi.advanceTimersByTime(300);
  };
}

function whole(text: string): string {
  const page = document.body.appendChild(document.createElement("div"));
  new ReplyView(page).show({ ...emptyReply(), answer: text, complete: true, finish_reason: "stop" });
  page.remove();
  return (page.querySelector(".magistral-answer") as HTMLElement).innerHTML;
}

const words = (count: number): string =>
  Array.from({ length: count }, (_, at) => `word${at} and some more of it, \\(x_${at % 7}\\) is **bold** so `).join("");
const inPieces = (text: string, size: number): string[] => text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];

describe("a long paragraph", () => {
  test("stands in boxes while it grows, those above are left alone, and it is one in the end", () => {
    const add = live();
    for (const piece of inPieces(words(30), 120)) add(piece);
    const [first] = boxes();
    const count = boxes().length;
    expect(count).toBeGreaterThan(1);
    const seen = new MutationObserver(() => {});
    seen.observe(first as Node, { childList: true, characterData: true, subtree: true });
    for (const piece of inPieces(words(30), 120)) add(piece);
    expect(seen.takeRecords()).toEqual([]);
    expect(boxes().length).toBeGreaterThan(count);
    for (const box of boxes().slice(0, -1)) expect(own(box).length % LETTERS).toBe(0); // full lines, whole ones
    add("");
    expect(boxes()).toEqual([]);
    expect(answer().innerHTML).toBe(whole(words(30) + words(30)));
  });

  test("is one again where its lines change, and where its beginning does", () => {
    const add = live();
    for (const piece of inPieces(words(30), 120)) add(piece);
    const count = boxes().length;
    width = 500;
    add("so ");
    add("on ");
    expect(boxes().length).toBeLessThan(count);
    add("\n===\n");
    expect(boxes()).toEqual([]);
    expect(answer().querySelector("h1")?.textContent).toContain("word29");
  });

  test("keeps what a reader has selected", () => {
    const add = live();
    for (const piece of inPieces(words(30), 120)) add(piece);
    const text = [...(boxes()[1] as HTMLElement).childNodes].find((node) => node.nodeValue?.includes("more")) as Text;
    getSelection()?.setBaseAndExtent(text, 2, text, 9);
    const selected = String(getSelection());
    expect(selected).toHaveLength(7);
    add("");
    expect(String(getSelection())).toBe(selected);
  });

  test("looks in the end as if it had come at once, however it came", () => {
    const part = fc.constantFrom(
      "some words ",
      "\\(a+b\\) ",
      "**bold",
      "** ",
      "`code` ",
      "\n",
      "*it* ",
      "$5 and ",
      "$x$ ",
    );
    const parts = fc.array(part, { minLength: 60, maxLength: 160 }).map((all) => all.join(""));
    fc.assert(
      fc.property(parts, fc.integer({ min: 60, max: 300 }), (text, size) => {
        host.replaceChildren();
        const add = live();
        for (const piece of inPieces(text, size)) add(piece);
        add("");
        expect(answer().innerHTML).toBe(whole(text));
      }),
      { numRuns: Number(process.env.RUNS ?? 6) },
    );
  });
});
