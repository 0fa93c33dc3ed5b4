// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { INSERTER } from "../src/widget/inserting.js";
import { PANEL_WAYS } from "../src/widget/page_ways.js";
import { cases } from "./files.js";
import { answers, begin, done, open, started, TALK, turn } from "./panel_helpers.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
  Reflect.deleteProperty(globalThis, INSERTER);
  Reflect.deleteProperty(globalThis, PANEL_WAYS);
});

describe("asking", () => {
  test("Enter sends, Shift+Enter and a word being composed do not", async () => {
    const page = open();
    page.area.focus();
    page.write("Why?");
    expect(page.press("Enter", { shiftKey: true }).defaultPrevented).toBe(false);
    expect(page.press("Enter", { isComposing: true }).defaultPrevented).toBe(false);
    expect(page.model.sent.map(({ type }) => type)).toEqual(["hello"]);
    page.press("Enter");
    expect(page.model.last("ask")).toMatchObject({ text: "Why?", id: "p" });
    expect(page.area.value).toBe("");
    await page.model.answer("ask", null);
    expect(document.activeElement).toBe(page.area);
  });

  test("an empty question is not sent, and one that is refused comes back with the reason", async () => {
    const page = open();
    page.write("  \n");
    page.press("Enter", {}, page.area);
    expect(() => page.model.last("ask")).toThrow();
    page.write("Why?");
    page.button("Send").click();
    await page.model.answer("ask", null, { message: "There is no key.", hint: "Set one." });
    expect(page.area.value).toBe("Why?");
    expect(page.find(".magistral-banner-problem").textContent).toContain("There is no key. Set one.");
  });

  test("streams into the log, and stays as it was drawn when it ends", () => {
    const page = open();
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 0, events: [started, answers("Because **of")] });
    const reply = page.find(".magistral-reply");
    expect(page.texts(".magistral-bubble")).toEqual(["Why?"]);
    expect(page.find(".magistral-answer").textContent).toContain("Because");
    page.model.hear({ type: "events", reply_id: "r", seq: 2, events: [answers(" it**.", 2), done] });
    page.model.hear({ type: "turn", index: 0, turn: turn(1, "Why?", null), reply_id: "r", seq: 4 });
    expect(page.find(".magistral-reply")).toBe(reply);
    expect(page.find(".magistral-answer strong").textContent).toBe("of it");
    expect(page.model.sent.some(({ type }) => type === "whole")).toBe(false);
  });

  test("a hole in the stream, or in the end, is filled by the kernel", () => {
    const page = open();
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 3, events: [answers("lost")] });
    expect(page.model.last("whole")).toMatchObject({ from: 0 });
    expect(page.find(".magistral-answer").textContent).toBe("");
    page.model.hear({ type: "turn", index: 0, turn: turn(1, "Why?", null), reply_id: "r", seq: 9 });
    page.model.hear({ type: "turns", from: 0, turns: [turn(1, "Why?", "All of it.")], live: null });
    expect(page.texts(".magistral-answer")).toEqual(["All of it."]);
  });

  test("what was missed in mid-stream is filled in at once, and the stream goes on", () => {
    const page = open();
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 3, events: [answers("lost")] });
    const reply = { v: 1, answer: "One two ", model: "magistral-small", endpoint: "local" };
    page.model.hear({ type: "turns", from: 0, turns: [], live: "r" }, { ...begin(), reply, seen: 4 });
    page.model.hear({ type: "events", reply_id: "r", seq: 4, events: [answers("three.", 2)] });
    expect(page.texts(".magistral-answer")).toEqual(["One two three."]);
    expect(page.model.sent.filter(({ type }) => type === "whole")).toHaveLength(1);
    expect(page.button("Stop")).toBeTruthy();
  });

  test("an end that was missed is learned with the turns", () => {
    const page = open();
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 0, events: [started, answers("One")] });
    page.model.hear({ type: "turns", from: 0, turns: [turn(1, "Why?", "One two.")], live: null });
    expect(page.texts(".magistral-answer")).toEqual(["One two."]);
    expect(page.button("Send")).toBeTruthy();
  });

  test("a question that could not be sent says why, and the next can be asked", () => {
    const page = open(TALK);
    page.model.hear(begin("Why?", 2));
    const error = { kind: "MissingKeyError", message: "No key.", hint: "Set one." };
    const unsent = turn(null, "Why?", null, { error, state: "failed" });
    page.model.hear({ type: "turns", from: 2, turns: [unsent], live: null });
    expect(page.texts(".magistral-bubble")).toEqual(["Who?", "Where?", "Why?"]);
    expect(page.texts(".magistral-error")).toEqual(["No key.Set one."]);
    expect(page.button("Ask again")).toBeTruthy();
    expect(page.button("Send")).toBeTruthy();
    expect(page.find(".magistral-panel").classList.contains("magistral-busy")).toBe(false);
  });

  test("an edited question that could not be sent, or was stopped before, stands below what was there", () => {
    const page = open(TALK);
    page.model.hear(begin("Who now?", 0), { type: "events", reply_id: "r", seq: 0, events: [done] });
    const unsent = turn(null, "Who now?", null, { state: "interrupted" });
    page.model.hear({ type: "turns", from: 0, turns: [...TALK.messages, unsent], live: null });
    expect(page.texts(".magistral-bubble")).toEqual(["Who?", "Where?", "Who now?"]);
    expect(page.texts(".magistral-turns .magistral-hint")).toEqual(["No answer."]);
    expect(page.button("Send")).toBeTruthy();
  });

  test("while an answer comes the one button stops, Escape stops, and a draft waits", () => {
    const page = open();
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 0, events: [started] });
    page.write("And then?");
    page.press("Enter", {}, page.area);
    expect(page.area.value).toBe("And then?");
    expect(page.find(".magistral-banner-news").textContent).toContain("still being written");
    page.press("Escape", {}, page.area);
    expect(page.model.last("stop").id).toBe("p");
    page.button("Stop").click();
    expect(page.model.sent.filter(({ type }) => type === "stop")).toHaveLength(2);
    expect(document.activeElement).toBe(page.area);
  });

  test("a question on its way can be stopped already", async () => {
    const page = open();
    page.write("Why?");
    page.press("Enter", {}, page.area);
    page.press("Escape", {}, page.area);
    expect(page.model.sent.map(({ type }) => type)).toEqual(["hello", "ask", "stop"]);
    await page.model.answer("ask", null);
    expect(page.button("Send")).toBeTruthy();
  });

  test("an empty panel says where questions go, and asks an example", () => {
    const page = open();
    expect(page.find(".magistral-welcome").textContent).toContain("Questions go to local. It is the only one.");
    expect(page.texts(".magistral-example")).toEqual(["One?", "Two?", "Three?"]);
    page.button("Two?").click();
    expect(page.model.last("ask").text).toBe("Two?");
    page.model.set("welcome", { endpoint: "", why: "", examples: [], help: "Set MISTRAL_API_KEY." });
    expect(page.find(".magistral-help").textContent).toBe("Set MISTRAL_API_KEY.");
    page.model.hear(begin());
    expect(page.find(".magistral-welcome").hidden).toBe(true);
  });
});

describe("a turn", () => {
  test("ArrowUp in an empty composer edits the last question; Enter asks it again, Escape leaves it", async () => {
    const page = open(TALK);
    page.area.focus();
    page.press("ArrowUp");
    const editor = page.find<HTMLTextAreaElement>(".magistral-editor textarea");
    expect(document.activeElement).toBe(editor);
    expect(editor.value).toBe("Where?");
    page.press("Escape");
    expect(page.find(".magistral-editor")).toBeNull();
    expect(document.activeElement).toBe(page.area);
    page.press("ArrowUp");
    page.write("Where now?", page.find(".magistral-editor textarea"));
    page.press("Enter");
    expect(page.model.last("edit")).toMatchObject({ turn: 2, text: "Where now?" });
    expect(document.activeElement).toBe(page.area);
    page.write("x");
    page.press("ArrowUp");
    expect(page.find(".magistral-editor")).toBeNull();
  });

  test("an edited question takes the place of what followed", () => {
    const page = open(TALK);
    page.model.hear(begin("Who now?", 0), { type: "events", reply_id: "r", seq: 0, events: [answers("You."), done] });
    expect(page.texts(".magistral-bubble")).toEqual(["Who now?"]);
    page.model.hear({
      type: "turn",
      index: 0,
      turn: turn(3, "Who now?", null, { branch: { at: 2, of: 2 } }),
      reply_id: "r",
      seq: 2,
    });
    expect(page.find(".magistral-branch-now").textContent).toContain("Version 2 of 2");
    page.button("Later version").click();
    expect(() => page.model.last("branch")).toThrow();
    page.button("Earlier version").click();
    expect(page.model.last("branch")).toMatchObject({ turn: 3, at: 1 });
    page.button("Earlier version").focus();
    page.model.hear({ type: "turns", from: 0, turns: TALK.messages, live: null });
    expect(page.texts(".magistral-answer")).toEqual(["Me.", "Here."]);
  });

  test("is answered again, continued, deleted and brought back", async () => {
    const page = open({ messages: [turn(1, "Who?", "Me."), turn(2, "Where?", "He", { can_continue: true })] });
    page.button("Answer again").click();
    expect(page.model.last("regenerate").turn).toBe(2);
    await page.model.answer("regenerate", null);
    page.button("Continue the answer").click();
    expect(page.model.last("continue").turn).toBe(2);
    await page.model.answer("continue", null);
    page.button("Delete from here").click();
    page.model.hear({ type: "turns", from: 1, turns: [], live: null });
    await page.model.answer("delete", { turn: 2 });
    expect(page.texts(".magistral-bubble")).toEqual(["Who?"]);
    expect(page.find(".magistral-banner-news").textContent).toContain("One question was deleted.");
    page.button("Undo").click();
    expect(page.model.last("restore").turn).toBe(2);
  });

  test("that was never sent says why, and is asked again", () => {
    const error = { kind: "MissingKeyError", message: "No key.", hint: "Set one." };
    const page = open({ messages: [turn(null, "Who?", null, { error, state: "failed" })] });
    expect(page.find(".magistral-error").textContent).toBe("No key.Set one.");
    expect(page.all("[data-act=edit]")).toHaveLength(0);
    page.button("Ask again").click();
    expect(page.model.last("ask").text).toBe("Who?");
  });

  test("that failed in mid-stream keeps its words", () => {
    const page = open();
    const failed = { type: "failed", kind: "x", message: "Lost.", hint: "", at: 2 } as const;
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 0, events: [started, answers("So far"), failed] });
    const error = { kind: "x", message: "Lost.", hint: "" };
    page.model.hear({
      type: "turn",
      index: 0,
      turn: turn(1, "Why?", null, { error, state: "interrupted" }),
      reply_id: "r",
      seq: 3,
    });
    expect(page.texts(".magistral-answer")).toEqual(["So far"]);
    expect(page.texts(".magistral-error-title")).toEqual(["Lost."]);
  });

  test("gives all its code to cells, in order", () => {
    const inserted: unknown[] = [];
    Object.assign(globalThis, { [INSERTER]: (_: unknown, detail: unknown) => inserted.push(detail) });
    const page = open({ messages: [turn(1, "How?", "```py\na = 1\n```\n\n```py\nb = 2\n```")] });
    page.button("Insert all code as cells").click();
    expect(inserted).toEqual([
      [
        { code: "a = 1", language: "py" },
        { code: "b = 2", language: "py" },
      ],
    ]);
  });
});

describe("for everybody", () => {
  test("the log does not call words out, and a finished answer is said once", () => {
    const page = open();
    expect(page.find("[role=log]").getAttribute("aria-live")).toBe("off");
    page.model.hear(begin(), { type: "events", reply_id: "r", seq: 0, events: [started, answers("Because."), done] });
    page.model.hear({ type: "turn", index: 0, turn: turn(1, "Why?", null), reply_id: "r", seq: 3 });
    expect(page.texts(".magistral-panel > [role=status].magistral-unseen")).toEqual(["Answer: Because."]);
  });

  test("every button has a name, every field a label, every turn a heading", () => {
    const page = open(TALK);
    page.button("Settings").click();
    for (const button of page.all("button")) {
      expect((button.getAttribute("aria-label") ?? button.textContent ?? "").trim()).not.toBe("");
    }
    for (const field of page.all("input:not([type=radio]), textarea, select")) {
      const label = field.getAttribute("aria-label") ?? page.find(`label[for="${field.id}"]`)?.textContent;
      expect(label).toBeTruthy();
    }
    expect(page.texts("article > h3")).toEqual(["Question 1", "Question 2"]);
  });

  test("keys stay in the panel: the notebook never hears D, D", () => {
    const heard = vi.fn();
    document.addEventListener("keydown", heard);
    const page = open(TALK);
    page.press("d", {}, page.button("Answer again"));
    expect(heard).not.toHaveBeenCalled();
    expect(page.find(".magistral-panel").hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
    document.removeEventListener("keydown", heard);
  });

  test("what a model or a kernel writes stays a text", () => {
    const evil = '<img src=x onerror="alert(1)">';
    const page = open({
      messages: [turn(1, evil, evil)],
      settings: { model: evil, endpoint: evil },
      welcome: { endpoint: evil, why: evil, examples: [evil], help: evil },
      choices: {
        endpoints: [{ name: evil, description: evil, ready: false, why: evil }],
        models: [evil],
        models_error: evil,
      },
    });
    page.button("Settings").click();
    expect(page.all("img, script")).toHaveLength(0);
  });

  test("and so does the whole hostile corpus, as question and as answer", () => {
    const corpus = cases<{ name: string; text: string }>("contract/markdown/hostile.json");
    const page = open({ messages: corpus.map(({ text }, at) => turn(at + 1, text, text)) });
    expect(page.all(".magistral-turn")).toHaveLength(corpus.length);
    const inTurns = (what: string) =>
      what
        .split(",")
        .map((one) => `.magistral-turn ${one}`)
        .join(",");
    expect(page.all(inTurns("script,img,iframe,style,link,form,input,video,audio,object,embed,base,meta"))).toEqual([]);
    for (const one of page.all(".magistral-turn *")) {
      for (const { name } of one.attributes) expect(name).not.toMatch(/^(?:on|src|srcset|action)/);
    }
    expect((globalThis as { __pwned?: unknown }).__pwned).toBeUndefined();
  });
});
