// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { greet } from "../src/lab/greeting.js";
import { LiveReply } from "../src/lab/live.js";
import { ASSETS, type Bundle, type Message, type Slot, type WatchKernel } from "../src/widget/assets.js";
import * as bundle from "../src/widget/bundle.js";
import type { Kernel, Signal, WireMessage } from "../src/widget/kernel.js";

vi.mock("../src/lab/loading.js", async () => {
  const found = await import("../src/widget/bundle.js");
  return { loadBundle: () => Promise.resolve(found) };
});

class FakeSignal<Args> implements Signal<Args> {
  readonly heard = new Set<(sender: unknown, args: Args) => void>();

  connect(hear: (sender: unknown, args: Args) => void): void {
    this.heard.add(hear);
  }

  disconnect(hear: (sender: unknown, args: Args) => void): void {
    this.heard.delete(hear);
  }

  emit(args: Args): void {
    for (const hear of [...this.heard]) hear(null, args);
  }
}

/** A kernel that answers on the control channel what `answer` says, or nothing. */
class FakeKernel implements Kernel {
  readonly clientId = "page";
  readonly anyMessage = new FakeSignal<{ msg: WireMessage; direction: string }>();
  readonly statusChanged = new FakeSignal<string>();
  readonly connectionStatusChanged = new FakeSignal<string>();
  readonly asked: { type: string; id: string }[] = [];
  answer: unknown;

  sendControlMessage(message: unknown): never {
    const { content, channel, header } = message as {
      content: { magistral_nb: { type: string; id: string } };
      channel: string;
      header: { msg_type: string };
    };
    expect([channel, header.msg_type]).toEqual(["control", "comm_info_request"]);
    this.asked.push(content.magistral_nb);
    const future = { onReply: (_: unknown): void => {}, done: Promise.resolve() };
    const { answer } = this;
    if (answer !== undefined) {
      queueMicrotask(() => future.onReply({ content: answer === null ? {} : { magistral_nb: answer } }));
    }
    return future as never;
  }

  tell(content: Message, comm = "c"): void {
    const msg: WireMessage = {
      channel: "iopub",
      header: { msg_type: "comm_msg" },
      content: { comm_id: comm, data: { method: "custom", content } },
    };
    this.anyMessage.emit({ msg, direction: "recv" });
  }
}

const wait = (time = 200): Promise<unknown> => vi.advanceTimersByTimeAsync(time);
const words = (text: string, seq: number, at = 1): Message => ({
  type: "events",
  seq,
  events: [{ type: "answer.delta", text, at }],
});
const soFar = (answer: string, seq: number): unknown => ({ type: "reply", seq, reply: { v: 1, answer }, live: true });
const page = globalThis as unknown as Record<symbol, Slot | undefined>;

let host: HTMLElement;
let kernel: FakeKernel;
let kept: unknown[];
let change: (kernel: Kernel | null) => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("__VERSION__", "1.0");
  host = document.body.appendChild(document.createElement("div"));
  kernel = new FakeKernel();
  kept = [];
  const watchKernel: WatchKernel = (_, hear) => {
    change = hear;
    hear(kernel);
    return () => {};
  };
  page[ASSETS] = { bundles: new Map(), heard: new Set(), watchKernel };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  host.remove();
});

function show(version = "1.0"): LiveReply {
  const live = { id: "r", version, comm: "c", show_thinking: true };
  const reply = new LiveReply(host, live, (picture) => kept.push(picture));
  reply.soFar("The end so far");
  reply.attached();
  return reply;
}

const answerOf = (): string | null | undefined => host.querySelector(".magistral-answer")?.textContent;

describe("a reply that is not finished", () => {
  test("is drawn from where the kernel is, and goes on with what the kernel tells", async () => {
    kernel.answer = soFar("One two", 3);
    show();
    kernel.tell(words("two", 2)); // said before the kernel answered, and in its answer already
    kernel.tell(words(" three", 3));
    await wait();
    kernel.tell(words(" four", 4));
    kernel.tell(words("not ours", 5), "another");
    await wait();
    expect(answerOf()).toBe("One two three four");
    expect(kernel.asked).toEqual([{ type: "follow", id: "r" }]);
    expect(host.textContent).not.toContain("The end so far");
  });

  test("asks for the whole after a gap, and after a connection that was lost", async () => {
    kernel.answer = soFar("One", 1);
    show();
    await wait();
    kernel.answer = soFar("One two three", 3);
    kernel.tell(words(" three", 2));
    await wait();
    expect(answerOf()).toBe("One two three");
    kernel.answer = soFar("One two three four", 4);
    kernel.connectionStatusChanged.emit("connected");
    await wait();
    expect(answerOf()).toBe("One two three four");
  });

  test("shows what the notebook holds where the kernel knows nothing of it, or says nothing", async () => {
    kernel.answer = null;
    show();
    await wait(300);
    expect(host.textContent).toContain("The end so far");
    host.replaceChildren();
    kernel.answer = undefined;
    show();
    await wait(300);
    expect(host.textContent).toContain("The end so far");
  });

  test("becomes the final picture where it has ended meanwhile", async () => {
    kernel.answer = { type: "reply", seq: 9, reply: {}, live: false, picture: { "text/plain": "all" } };
    show();
    await wait();
    expect(kept).toEqual([{ "text/plain": "all" }]);
  });

  test("keeps the final picture itself if the kernel's own does not come", async () => {
    kernel.answer = soFar("One", 1);
    const ends = show();
    const stays = show();
    await wait();
    kernel.tell({ type: "events", seq: 1, events: [{ type: "done", finish_reason: "stop", at: 2 }] });
    kernel.answer = { type: "reply", seq: 2, reply: { answer: "One" }, live: false, picture: { "text/plain": "all" } };
    ends.dispose(); // the kernel's own picture has come
    expect(kept).toEqual([]);
    await wait(1_500);
    expect(kept).toEqual([{ "text/plain": "all" }]);
    stays.dispose();
    expect(kernel.anyMessage.heard.size + kernel.statusChanged.heard.size).toBe(0);
  });

  test("says so when its kernel is restarted, and interrupts nothing any more", async () => {
    kernel.answer = soFar("One", 1);
    show();
    await wait();
    kernel.statusChanged.emit("busy");
    await wait();
    expect(host.querySelector(".magistral-error")).toBeNull();
    kernel.statusChanged.emit("restarting");
    await wait();
    expect(host.textContent).toContain("The kernel ended before the reply did");
    expect(answerOf()).toBe("One");
    expect(host.querySelector<HTMLElement>(".magistral-stop")?.hidden).toBe(true);
  });

  test("is stopped on the control channel, and forgotten with its output", async () => {
    kernel.answer = soFar("One", 1);
    const reply = show();
    await wait();
    host.querySelector<HTMLButtonElement>(".magistral-stop")?.click();
    expect(kernel.asked.at(-1)).toEqual({ type: "stop", id: "r" });
    reply.dispose();
    expect(host.textContent).toBe("");
    expect(kernel.anyMessage.heard.size + kernel.statusChanged.heard.size).toBe(0);
  });

  test("waits for a kernel that is not there yet", async () => {
    const later = kernel;
    kernel = null as unknown as FakeKernel;
    show();
    await wait(300);
    expect(host.textContent).toContain("The end so far");
    later.answer = soFar("One", 1);
    change(later);
    await wait();
    expect(answerOf()).toBe("One");
  });

  test("of a kernel with another version of the package is drawn by the kernel's own bundle", async () => {
    show("2.0");
    await wait(300);
    expect(kernel.asked).toEqual([]);
    const { heard, bundles } = page[ASSETS] as Slot;
    const model = { get: () => undefined, on: () => {}, off: () => {}, send: () => {} };
    (page[ASSETS] as Slot).models = new Map([["r", model]]);
    const renderReply = vi.fn(() => () => {});
    bundles.set("2.0", Promise.resolve({ ...bundle, renderReply } as unknown as Bundle));
    for (const hear of heard) hear();
    await wait();
    expect(renderReply).toHaveBeenCalledWith(host, model);
  });
});

test("a kernel is greeted where a stored reply is drawn, and not once for each of many", async () => {
  for (const id of ["a", "b", "c"]) greet(host, id);
  expect(kernel.asked).toEqual([{ type: "hello", id: "a" }]);
  await wait(6_000);
  greet(host, "d");
  expect(kernel.asked.at(-1)).toEqual({ type: "hello", id: "d" });
  delete page[ASSETS];
  greet(host, "e"); // in a page without a plugin nothing is known of kernels
  expect(kernel.asked).toHaveLength(2);
});
