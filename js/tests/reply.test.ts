// @vitest-environment jsdom
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { emptyReply, type ReplyData, type ReplyEvent, readReply } from "../src/core/protocol.js";
import { INSERT_EVENT, type InsertDetail } from "../src/view/insert_event.js";
import { type ReplyOptions, ReplyView } from "../src/view/reply.js";
import { cases, shared } from "./files.js";

let host: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  host = document.body.appendChild(document.createElement("div"));
});

afterEach(() => {
  vi.useRealTimers();
  host.remove();
});

const STARTED: ReplyEvent = { type: "started", model: "magistral-small", endpoint: "local", at: 0 };
const DONE: ReplyEvent = { type: "done", finish_reason: "stop", at: 20 };
const thinks = (text: string, at = 1): ReplyEvent => ({ type: "thinking.delta", text, at });
const answers = (text: string, at = 13.3): ReplyEvent => ({ type: "answer.delta", text, at });

function live(options: ReplyOptions = {}): { view: ReplyView; add: (...events: ReplyEvent[]) => void } {
  const view = new ReplyView(host, options);
  return {
    view,
    add: (...events) => {
      view.add(events);
      vi.advanceTimersByTime(600);
    },
  };
}

function stored(parts: Partial<ReplyData>, options: ReplyOptions = {}): ReplyView {
  const view = new ReplyView(host, options);
  view.show({ ...emptyReply(), finish_reason: "stop", complete: true, ...parts });
  return view;
}

const find = (selector: string): HTMLElement => host.querySelector(selector) as HTMLElement;
const all = (selector: string): HTMLElement[] => [...host.querySelectorAll<HTMLElement>(selector)];
const seen = (selector: string): string => find(selector)?.textContent ?? "";
const isOpen = (): boolean => find(".magistral-thinking-head").getAttribute("aria-expanded") === "true";

describe("thinking", () => {
  test("is open while it goes on, with a clock, and folds when the answer begins", () => {
    const { add } = live();
    add(STARTED, thinks("So ", 1), thinks("let me see", 5.2));
    expect(isOpen()).toBe(true);
    expect(seen(".magistral-thinking-head")).toMatch(/^Thinking…4 s · ≈ \d+ tokens$/);
    vi.advanceTimersByTime(3_000);
    expect(seen(".magistral-thinking-detail")).toMatch(/^7 s/);
    add(answers("Four."));
    expect(isOpen()).toBe(false);
    expect(seen(".magistral-thinking-title")).toBe("Thought for 12 s");
  });

  test("stays as the reader put it, through every later word and into the stored reply", () => {
    const { view, add } = live({ id: "r1" });
    add(STARTED, thinks("So"));
    find(".magistral-thinking-head").click();
    expect(isOpen()).toBe(false);
    add(thinks(" more"));
    expect(isOpen()).toBe(false);
    find(".magistral-thinking-head").click();
    add(answers("Four."), DONE);
    expect(isOpen()).toBe(true);
    view.destroy();
    stored({ thinking: "So more", answer: "Four." }, { id: "r1" });
    expect(isOpen()).toBe(true);
    expect(seen(".magistral-thinking-box")).toContain("So more");
  });

  test("has no section where there is none", () => {
    stored({ answer: "Four.", thinking: " \n" });
    expect(find(".magistral-thinking")).toBeNull();
  });

  test("shows the time that was stored, and none where none was seen", () => {
    stored({ answer: "a", thinking: "b", thinking_seconds: 65, seconds: 3_000 });
    expect(seen(".magistral-thinking-title")).toBe("Thought for 1 min 5 s");
    host.replaceChildren();
    stored({ answer: "a", thinking: "b", thinking_seconds: null });
    expect(seen(".magistral-thinking-title")).toBe("Thought");
  });

  test("is open where it is all there is, and the reader is told so", () => {
    stored({ thinking: "b", finish_reason: "length" });
    expect(isOpen()).toBe(true);
    expect(seen(".magistral-notices")).toContain("still thinking");
    expect(seen(".magistral-footer")).toContain("cut off: raise max_tokens");
  });

  test("takes in what was an answer only by mistake", () => {
    const { add } = live();
    add(STARTED, answers("So let me", 1), { type: "reclassified", at: 2 }, answers("Four.", 3));
    expect(seen(".magistral-answer")).toBe("Four.");
    find(".magistral-thinking-head").click();
    expect(seen(".magistral-thinking-box")).toBe("So let me");
  });
});

describe("the answer", () => {
  const text = shared("data/rich_answer.md");

  test("looks in the end as if it had come at once, however it came", () => {
    stored({ answer: text });
    const whole = find(".magistral-answer").innerHTML;
    host.replaceChildren();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 }), (sizes) => {
        host.replaceChildren();
        const { add } = live();
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          add(answers(text.slice(at, at + size)));
          at += size;
        }
        add(DONE);
        expect(find(".magistral-answer").innerHTML).toBe(whole);
      }),
      { numRuns: 8 },
    );
  });

  test("is drawn at most 15 times a second", () => {
    const { view } = live();
    const draw = vi.spyOn(view as unknown as { draw(): void }, "draw").mockImplementation(() => {});
    for (let turn = 0; turn < 100; turn++) {
      view.add([answers("word ")]);
      vi.advanceTimersByTime(10);
    }
    expect(draw.mock.calls.length).toBeGreaterThan(5);
    expect(draw.mock.calls.length).toBeLessThanOrEqual(16);
  });

  test("is drawn less often where the page is slow to show it", () => {
    const { view } = live();
    const draw = vi.spyOn(view as unknown as { draw(): void }, "draw").mockImplementation(() => {});
    vi.spyOn(globalThis, "requestAnimationFrame").mockImplementation((then) => Number(setTimeout(then, 100)));
    for (let turn = 0; turn < 200; turn++) {
      view.add([answers("word ")]);
      vi.advanceTimersByTime(10);
    }
    expect(draw.mock.calls.length).toBeGreaterThan(1);
    expect(draw.mock.calls.length).toBeLessThan(5);
    vi.mocked(requestAnimationFrame).mockRestore();
  });

  test("begins on the side of its language: lists, quotes and tables too", () => {
    stored({ answer: "- שלום\n- \\(x\\) ועוד\n\n> `code` שלום\n\n| א | b |\n|-|-|\n\n- left" });
    const sides = all("ul, blockquote, table").map((one) => one.getAttribute("dir"));
    expect(sides).toEqual(["rtl", "rtl", "rtl", "ltr"]);
  });

  test("names formulas by their source where there are very many", () => {
    stored({ answer: "$x$ ".repeat(201) });
    const formulas = all(".magistral-formula");
    expect(formulas.map((one) => one.querySelector("math") !== null).filter(Boolean)).toHaveLength(200);
    expect(formulas.at(-1)?.getAttribute("aria-label")).toBe("x");
  });

  test("keeps the nodes of what is closed", () => {
    const { add } = live();
    add(answers("# One\n\nTwo\n\n- three\n- four\n- five\n- s"));
    const kept = [find("h1"), find("p"), find("li")];
    add(answers("ix\n- seven\n- eight"));
    expect([find("h1"), find("p"), find("li")]).toEqual(kept);
    expect(all("li")).toHaveLength(6);
  });
});

describe("what a model writes stays a text", () => {
  const hostile = cases<{ name: string; text: string }>("contract/markdown/hostile.json");

  test.each(hostile)("$name, in slices and whole", ({ text }) => {
    const { add } = live();
    for (let at = 0; at < text.length; at += 3) add(answers(text.slice(at, at + 3)), thinks(text.slice(at, at + 3)));
    add(DONE);
    const shown = find(".magistral-answer");
    expect(
      shown.querySelectorAll("script,img,iframe,style,link,form,input,video,audio,object,embed,base,meta"),
    ).toHaveLength(0);
    for (const one of shown.querySelectorAll("*")) {
      for (const { name } of one.attributes) expect(name).not.toMatch(/^(?:on|src|id$|name$|srcset|action)/);
      const href = one.getAttribute("href");
      if (href !== null) expect(href).toMatch(/^(?:https?:\/\/|mailto:)/);
    }
    expect((globalThis as { __pwned?: unknown }).__pwned).toBeUndefined();
  });

  test("links say where they lead, and open apart", () => {
    stored({ answer: "[the proof](https://a.invalid/x) ![chart](https://b.invalid/c.png)" });
    expect(seen(".magistral-answer")).toBe("the proof (a.invalid) [image: chart — b.invalid]");
    for (const link of all("a")) expect(link.getAttribute("rel")).toContain("noopener noreferrer");
  });
});

describe("code", () => {
  test("is highlighted, copied whole, and offered as a cell, never run", async () => {
    const written = vi.fn();
    Object.assign(navigator, { clipboard: { writeText: written } });
    stored({ answer: "```python\nx = 1 < 2\n```" }, { canInsert: true });
    expect(all(".magistral-code span.hljs-number")).toHaveLength(2);
    find(".magistral-code .magistral-copy").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(written).toHaveBeenCalledWith("x = 1 < 2");
    expect(seen(".magistral-code .magistral-copy")).toBe("Copied");
    const asked: InsertDetail[] = [];
    host.addEventListener(INSERT_EVENT, (event) => asked.push((event as CustomEvent<InsertDetail>).detail));
    find(".magistral-insert").click();
    expect(asked).toEqual([{ code: "x = 1 < 2", language: "python" }]);
  });

  test("that is long is the same text in the end", () => {
    const code = Array.from({ length: 2_000 }, (_, line) => `line ${line} = ${line}`).join("\n");
    const { add } = live();
    add(answers("```python\n"));
    for (let at = 0; at < code.length; at += 997) add(answers(code.slice(at, at + 997)));
    add(answers("\n```\n"), DONE);
    expect(seen("code")).toBe(`${code}\n`);
  });
});

describe("what is said besides", () => {
  test("while waiting: for what, how long, and how it ends", () => {
    const { view, add } = live({ onStop: () => {} });
    add(STARTED, { type: "waiting", why: "loading", text: "14 GB", progress: 0.4, at: 8 });
    view.patience("Asking again in 3 s.");
    vi.advanceTimersByTime(100);
    expect(seen(".magistral-waiting")).toMatch(/Loading magistral-small…8 s14 GB\nAsking again in 3 s\./);
    expect((find("progress") as HTMLProgressElement).value).toBe(0.4);
    add(answers("Hi"));
    expect(find(".magistral-waiting").hidden).toBe(true);
  });

  test("Stop is there from the first moment, tells once, and goes at the end", () => {
    const stop = vi.fn();
    const { add } = live({ onStop: stop });
    add(STARTED);
    const button = find(".magistral-stop");
    expect(button.hidden).toBe(false);
    button.click();
    button.click();
    expect(stop).toHaveBeenCalledTimes(1);
    add({ type: "done", finish_reason: "interrupted", at: 3 });
    expect(button.hidden).toBe(true);
    expect(seen(".magistral-footer")).toContain("stopped by you");
  });

  test("an error stands below what had come", () => {
    const { add } = live();
    add(STARTED, answers("The sum"), {
      type: "failed",
      kind: "x",
      message: "Lost.",
      hint: "Again?",
      request_id: "r",
      at: 5,
    });
    expect(seen(".magistral-answer")).toBe("The sum");
    expect(seen(".magistral-error")).toBe("Lost.Again?Request r");
    expect(seen(".magistral-footer")).not.toContain("did not end in order");
  });

  test("phases are called out, and words are not", () => {
    const { add } = live();
    const said: string[] = [];
    for (const events of [[STARTED], [thinks("a")], [thinks("b")], [answers("c")], [answers("d")], [DONE]]) {
      add(...events);
      said.push(seen("[role=status]"));
    }
    const [thinking, answering] = ["The model is thinking", "The model is answering"];
    expect(said).toEqual(["", thinking, thinking, answering, answering, "The answer is complete"]);
    expect(all("[aria-live], [role=log]")).toHaveLength(0);
  });

  test("a stored reply of another make is drawn as far as it is understood", () => {
    const view = new ReplyView(host);
    view.show(
      readReply({ v: 1, answer: "Four.", thinking: 7, notices: "x", usage: null, tool_calls: [null], more: 1 }),
    );
    expect(seen(".magistral-answer")).toBe("Four.");
  });
});
