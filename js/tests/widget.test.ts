// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ReplyEvent } from "../src/core/protocol.js";
import { ASSETS, type Bundle, type Message, type ReplyModel, type Slot } from "../src/widget/assets.js";
import * as bundle from "../src/widget/bundle.js";
import stub from "../src/widget/index.js";
import { INSERTER } from "../src/widget/inserting.js";
import { CONTROL_TARGET } from "../src/widget/kernel.js";

type Page = Record<symbol, Slot | undefined>;

const page = globalThis as unknown as Page;
const wait = (): Promise<unknown> => vi.advanceTimersByTimeAsync(200);
const answer = (text: string, at = 1): ReplyEvent => ({ type: "answer.delta", text, at });
const started: ReplyEvent = { type: "started", model: "m", endpoint: "e", at: 0 };

class FakeModel implements ReplyModel {
  readonly sent: unknown[] = [];
  private readonly heard = new Set<(message: Message) => void>();

  constructor(
    private readonly traits: Record<string, unknown>,
    readonly widget_manager?: unknown,
  ) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  on(_: string, heard: (...args: never[]) => void): void {
    this.heard.add(heard as (message: Message) => void);
  }

  off(_: string, heard: (...args: never[]) => void): void {
    this.heard.delete(heard as (message: Message) => void);
  }

  send(message: unknown): void {
    this.sent.push(message);
  }

  hear(message: Message): void {
    for (const heard of [...this.heard]) heard(message);
  }
}

let host: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  delete page[ASSETS];
  host = document.body.appendChild(document.createElement("div"));
});

afterEach(() => {
  vi.useRealTimers();
  host.remove();
});

function load(version: string): void {
  const slot = page[ASSETS] as Slot;
  slot.bundles.set(version, Promise.resolve(bundle as Bundle));
  for (const heard of slot.heard) heard();
}

function show(traits: Record<string, unknown> = {}, manager?: unknown): FakeModel {
  const model = new FakeModel({ version: "1.0", reply_id: "r", ...traits }, manager);
  stub.initialize({ model });
  return model;
}

describe("a widget", () => {
  test("shows plain text at once, and the whole reply when the bundle comes", async () => {
    const model = show();
    model.hear({ type: "events", seq: 0, events: [started, answer("Two **and**")] });
    stub.render({ model, el: host });
    model.hear({ type: "events", seq: 2, events: [answer(" two", 2)] });
    expect(host.textContent).toBe("Two **and** two");
    load("1.0");
    await wait();
    expect(host.querySelector(".magistral-answer strong")?.textContent).toBe("and");
    expect(host.querySelectorAll("pre")).toHaveLength(0);
    model.hear({ type: "events", seq: 3, events: [answer(" make four", 3)] });
    await wait();
    expect(host.querySelector(".magistral-answer")?.textContent).toBe("Two and two make four");
  });

  test("uses the labextension's bundle if it is of the same version, and no other", async () => {
    const get = vi.fn(() => Promise.resolve(bundle as Bundle));
    page[ASSETS] = { bundles: new Map(), heard: new Set(), load: { version: "1.0", get } };
    stub.render({ model: show({ version: "2.0" }), el: host });
    await wait();
    expect(get).not.toHaveBeenCalled();
    stub.render({ model: show(), el: host });
    stub.render({ model: show(), el: host });
    await wait();
    expect(get).toHaveBeenCalledTimes(1);
    expect(host.querySelectorAll(".magistral-reply")).toHaveLength(2);
  });

  test("keeps its plain text where the bundle does not come", async () => {
    const model = show();
    stub.render({ model, el: host });
    (page[ASSETS] as Slot).bundles.set("1.0", Promise.reject(new Error("lost")));
    for (const heard of (page[ASSETS] as Slot).heard) heard();
    model.hear({ type: "events", seq: 0, events: [answer("Four")] });
    await wait();
    expect(host.textContent).toBe("Four");
  });

  test("drawn anew in mid-stream shows each word once", async () => {
    const model = show({ reply: { v: 1, answer: "One two", model: "m" }, seen: 3 });
    stub.render({ model, el: host });
    load("1.0");
    await wait();
    model.hear({ type: "events", seq: 1, events: [answer("One"), answer(" two"), answer(" three")] });
    await wait();
    expect(host.querySelector(".magistral-answer")?.textContent).toBe("One two three");
    model.hear({ type: "reply", seq: 9, reply: { v: 1, answer: "One two three four", complete: true }, live: false });
    await wait();
    expect(host.querySelector(".magistral-answer")?.textContent).toBe("One two three four");
    expect(host.querySelector<HTMLElement>(".magistral-stop")?.hidden).toBe(true);
  });
});

describe("Stop", () => {
  function fakeKernel() {
    const comm = { open: vi.fn(), send: vi.fn<(message: unknown) => void>(), subshellStarted: Promise.resolve() };
    return { comm, createComm: vi.fn(() => comm), interrupt: vi.fn(async () => {}) };
  }

  async function running(manager?: unknown): Promise<FakeModel> {
    const model = show({}, manager);
    stub.render({ model, el: host });
    load("1.0");
    await wait();
    return model;
  }

  const press = (): void => host.querySelector<HTMLButtonElement>(".magistral-stop")?.click();

  test("goes by both comms, and interrupts a kernel that does not hear", async () => {
    const kernel = fakeKernel();
    const model = await running({ kernel });
    expect(kernel.createComm).toHaveBeenCalledWith(CONTROL_TARGET);
    press();
    await wait();
    const message = { type: "stop", id: "r" };
    expect(model.sent).toEqual([message]);
    expect(kernel.comm.send).toHaveBeenCalledWith(message);
    expect(kernel.interrupt).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(700);
    expect(kernel.interrupt).toHaveBeenCalledTimes(1);
  });

  test("waits for a comm that is still being opened", async () => {
    const kernel = fakeKernel();
    let start = (): void => {};
    kernel.comm.subshellStarted = new Promise<void>((resolve) => {
      start = resolve;
    });
    await running({ kernel });
    press();
    await wait();
    expect(kernel.comm.send).not.toHaveBeenCalled();
    start();
    await wait();
    expect(kernel.comm.open).toHaveBeenCalledBefore(kernel.comm.send);
    expect(kernel.comm.send.mock.calls).toEqual([[{ type: "hello", id: "r" }], [{ type: "stop", id: "r" }]]);
  });

  test("a page that missed something asks for the whole reply, and draws nothing with a hole", async () => {
    const kernel = fakeKernel();
    const model = await running({ kernel });
    model.hear({ type: "events", seq: 0, events: [started, answer("One")] });
    model.hear({ type: "events", seq: 3, events: [answer(" three")] });
    await wait();
    expect(kernel.comm.send).toHaveBeenLastCalledWith({ type: "whole", id: "r" });
    expect(host.querySelector(".magistral-answer")?.textContent).toBe("One");
    model.hear({ type: "reply", seq: 4, reply: { v: 1, answer: "One two three" }, live: true });
    model.hear({ type: "events", seq: 4, events: [answer(" four")] });
    await wait();
    expect(host.querySelector(".magistral-answer")?.textContent).toBe("One two three four");
  });

  test("speaks on the control channel where the front end has one, and opens no comm then", async () => {
    const sendControlMessage = vi.fn(() => ({ onReply: () => {}, done: Promise.resolve() }));
    const kernel = { ...fakeKernel(), sendControlMessage };
    await running({ kernel });
    press();
    await wait();
    const said = sendControlMessage.mock.calls.map(([message]: unknown[]) => (message as { content: unknown }).content);
    expect(said).toEqual([
      { target_name: CONTROL_TARGET, magistral_nb: { type: "hello", id: "r" } },
      { target_name: CONTROL_TARGET, magistral_nb: { type: "stop", id: "r" } },
    ]);
    expect(kernel.createComm).not.toHaveBeenCalled();
  });

  test("does not interrupt what has ended: the next cell would be hit", async () => {
    const kernel = fakeKernel();
    const model = await running({ kernel });
    press();
    model.hear({ type: "events", seq: 0, events: [{ type: "done", finish_reason: "interrupted", at: 2 }] });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(kernel.interrupt).not.toHaveBeenCalled();
  });

  test("opens one control comm for a kernel, and manages without one", async () => {
    const kernel = fakeKernel();
    await running({ kernel });
    await running({ kernel });
    expect(kernel.createComm).toHaveBeenCalledTimes(1);
    host.replaceChildren();
    const model = await running();
    press();
    expect(model.sent).toEqual([{ type: "stop", id: "r" }]);
  });
});

test("what a saved notebook would hold is hidden while the reply is drawn, and no longer", async () => {
  const beside = document.body.appendChild(document.createElement("div"));
  beside.className = "magistral-so-far-alone";
  const take = stub.render({ model: show({ reply_id: "alone" }), el: host });
  load("1.0");
  await wait();
  expect(getComputedStyle(beside).display).toBe("none");
  take();
  expect(getComputedStyle(beside).display).not.toBe("none");
  beside.remove();
});

test("a page finds the models of live replies by their ids, as long as they are there", () => {
  const model = new FakeModel({ version: "1.0", reply_id: "r" });
  const close = stub.initialize({ model });
  expect((page[ASSETS] as Slot).models?.get("r")).toBe(model);
  close?.();
  expect((page[ASSETS] as Slot).models?.size).toBe(0);
});

test("code becomes a cell by the page's own way, else the kernel is asked", async () => {
  const model = show({ can_insert: true, reply: { v: 1, answer: "```py\nx\n```" }, live: false });
  stub.render({ model, el: host });
  load("1.0");
  await wait();
  host.querySelector<HTMLButtonElement>(".magistral-insert")?.click();
  expect(model.sent).toEqual([{ type: "insert", code: "x", language: "py" }]);
  Object.assign(globalThis, { [INSERTER]: () => true });
  host.querySelector<HTMLButtonElement>(".magistral-insert")?.click();
  expect(model.sent).toHaveLength(1);
  Reflect.deleteProperty(globalThis, INSERTER);
});
