// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { INSERTER } from "../src/widget/inserting.js";
import { PANEL_WAYS } from "../src/widget/page_ways.js";
import { renderStoredPanel } from "../src/widget/panel.js";
import { answers, begin, done, open, PanelPage, started, TALK, turn } from "./panel_helpers.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
  Reflect.deleteProperty(globalThis, INSERTER);
  Reflect.deleteProperty(globalThis, PANEL_WAYS);
});

describe("views", () => {
  test("of one panel stay in step, and drafts are each view's own", () => {
    const page = open(TALK);
    const other = new PanelPage(page.model);
    expect(page.model.sent.filter(({ type }) => type === "hello")).toHaveLength(1);
    page.write("Draft");
    page.model.hear(begin("And?", 2), { type: "events", reply_id: "r", seq: 0, events: [started, answers("Both")] });
    const third = new PanelPage(page.model);
    page.model.hear({ type: "events", reply_id: "r", seq: 2, events: [answers(" of us"), done] });
    for (const one of [page, other, third]) {
      expect(one.texts(".magistral-answer")).toEqual(["Me.", "Here.", "Both of us"]);
    }
    expect(other.area.value).toBe("");
    other.forget();
    expect(other.all(".magistral-panel")).toHaveLength(0);
    page.model.hear({ type: "turn", index: 2, turn: turn(3, "And?", null), reply_id: "r", seq: 4 });
    expect(third.all("[data-act=edit]")).toHaveLength(3);
  });

  test("a page loaded in mid-stream goes on from the state", () => {
    const live = { index: 2, text: "And?", reply_id: "r", reply: { v: 1, answer: "One two" }, seen: 3 };
    const page = open({ ...TALK, live, busy: true });
    page.model.hear({ type: "events", reply_id: "r", seq: 2, events: [answers(" two"), answers(" three")] });
    expect(page.texts(".magistral-answer").at(-1)).toBe("One two three");
  });

  test("a stored panel is read, and offers to go on", () => {
    const host = document.body.appendChild(document.createElement("div"));
    renderStoredPanel(host, { version: "1", panel_id: "p", turns: [...TALK.messages, null, { text: 7 }] });
    vi.advanceTimersByTime(100);
    expect([...host.querySelectorAll(".magistral-answer")].map((one) => one.textContent)).toEqual(["Me.", "Here."]);
    expect(host.textContent).toContain("when the notebook was saved");
    expect(host.querySelector<HTMLElement>(".magistral-composer")?.hidden).toBe(true);
  });
});
