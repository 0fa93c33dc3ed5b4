// @vitest-environment jsdom
import { Widget } from "@lumino/widgets";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inserter, runner } from "../src/lab/inserting.js";
import { StoredPanel } from "../src/lab/panel_mime.js";
import { sidebar } from "../src/lab/sidebar.js";
import { ASSETS, type Slot } from "../src/widget/assets.js";
import * as bundle from "../src/widget/bundle.js";
import { PANEL_WAYS } from "../src/widget/page_ways.js";
import { answers, done, FakePanelModel, FakeSignal, PanelPage, started, turn } from "./panel_helpers.js";

vi.hoisted(() => {
  Object.assign(globalThis, { DragEvent: class extends MouseEvent {} }); // jsdom has none, and Lumino asks for it
});

vi.mock("../src/lab/loading.js", () => ({ loadBundle: async () => bundle }));
Object.assign(globalThis, { __VERSION__: "1.0" });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
  Reflect.deleteProperty(globalThis, PANEL_WAYS);
});

/** A notebook of some cells, and what JupyterLab's commands do to it. */
function notebook(cells: number) {
  const node = document.body.appendChild(document.createElement("div"));
  const ran: string[] = [];
  const cell = () => {
    const made = {
      node: node.appendChild(document.createElement("div")),
      code: "",
      model: { sharedModel: { setSource } },
    };
    function setSource(code: string): void {
      made.code = code;
    }
    return made;
  };
  const widgets = Array.from({ length: cells }, cell);
  const content = {
    widgets,
    activeCellIndex: 0,
    get activeCell() {
      return widgets[this.activeCellIndex] ?? null;
    },
  };
  const side: Widget[] = [];
  const app = {
    commands: {
      async execute(command: string) {
        if (command === "notebook:insert-cell-below") widgets.splice(++content.activeCellIndex, 0, cell());
        if (command === "notebook:run-cell") ran.push(content.activeCell?.code ?? "");
      },
    },
    shell: {
      widgets: () => [{ id: "n", node, content }],
      activateById: () => {},
      add: (widget: Widget) => {
        side.push(widget);
        Widget.attach(widget, document.body);
      },
    },
  };
  return { app, widgets, ran, side };
}

describe("cells", () => {
  test("all code of an answer stands below it in order, and is not run", async () => {
    const { app, widgets, ran } = notebook(2);
    const detail = ["a", "b", "c"].map((code) => ({ code, language: "" }));
    expect(inserter(app)((widgets[0] as { node: HTMLElement }).node, detail)).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(widgets.map(({ code }) => code)).toEqual(["", "a", "b", "c", ""]);
    expect(ran).toEqual([]);
  });

  test("the line that goes on with a chat is run", async () => {
    const { app, widgets, ran } = notebook(1);
    expect(runner(app)((widgets[0] as { node: HTMLElement }).node, "go()")).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(ran).toEqual(["go()"]);
    expect(runner(app)(document.body, "go()")).toBe(false);
  });
});

describe("the side area", () => {
  test("holds the same panel, which still finds its cell, until it is brought back", async () => {
    const { app, widgets, side } = notebook(2);
    Object.assign(globalThis, { [PANEL_WAYS]: { run: runner(app), aside: sidebar(app) } });
    const page = new PanelPage(new FakePanelModel({ messages: [turn(1, "Who?", "Me.")] }));
    widgets[0]?.node.append(page.host);
    const panel = page.find(".magistral-panel");
    page.write("A draft");
    page.button("Open in sidebar").click();
    expect(side[0]?.node.contains(panel)).toBe(true);
    expect(page.host.textContent).toContain("The chat is open in the sidebar.");
    expect(inserter(app)(panel, { code: "x", language: "" })).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(widgets.map(({ code }) => code)).toEqual(["", "x", ""]);
    side[0]?.close();
    expect(page.find(".magistral-panel")).toBe(panel);
    expect(page.area.value).toBe("A draft");
    page.button("Open in sidebar").click();
    page.button("Bring back to the notebook").click();
    expect(page.find(".magistral-panel")).toBe(panel);
    expect(side.every(({ isDisposed }) => isDisposed)).toBe(true);
  });

  test("closes when the notebook takes the panel away", () => {
    const { app, side } = notebook(1);
    Object.assign(globalThis, { [PANEL_WAYS]: { run: runner(app), aside: sidebar(app) } });
    const page = new PanelPage(new FakePanelModel());
    page.button("Open in sidebar").click();
    page.forget();
    expect(side[0]?.isDisposed).toBe(true);
    expect(document.querySelectorAll(".magistral-panel")).toHaveLength(0);
  });
});

describe("a panel that a notebook holds", () => {
  const MIME = "application/vnd.magistral.panel.v1+json";
  const stored = { version: "1.0", panel_id: "p", turns: [turn(1, "Who?", "Me.")] };
  const kept: unknown[] = [];

  function mimeModel(isLive = true) {
    const metadata = { [MIME]: { id: "p", ...(isLive ? { live: { version: "1.0", comm: "k" } } : {}) } };
    return { data: { [MIME]: stored }, metadata, trusted: false, setData: (data: unknown) => kept.push(data) };
  }

  async function show(isLive = true, slot: Partial<Slot> = {}): Promise<StoredPanel> {
    kept.length = 0;
    const load = { version: "1.0", get: async () => bundle };
    Object.assign(globalThis, { [ASSETS]: { bundles: new Map(), heard: new Set(), load, ...slot } });
    const panel = new StoredPanel();
    Widget.attach(panel, document.body);
    void panel.renderModel(mimeModel(isLive) as never);
    await vi.advanceTimersByTimeAsync(50);
    return panel;
  }

  test("is drawn as it was, or live as soon as the page has its widget, and then not drawn anew", async () => {
    const models = new Map();
    const panel = await show(true, { models });
    expect(panel.node.textContent).toBe("");
    await vi.advanceTimersByTimeAsync(400);
    expect(panel.node.textContent).toContain("when the notebook was saved");
    models.set("p", new FakePanelModel({ messages: stored.turns }));
    for (const hear of (globalThis as unknown as Record<symbol, Slot>)[ASSETS]?.heard ?? []) hear();
    await vi.advanceTimersByTimeAsync(100);
    const drawn = panel.node.querySelector(".magistral-panel");
    expect(panel.node.querySelector<HTMLElement>(".magistral-composer")?.hidden).toBe(false);
    void panel.renderModel(mimeModel() as never);
    await vi.advanceTimersByTimeAsync(500);
    expect(panel.node.querySelector(".magistral-panel")).toBe(drawn);
    panel.dispose();
  });

  test("is live while its kernel is busy, and what is said then is kept in the notebook", async () => {
    const anyMessage = new FakeSignal();
    const asked: unknown[] = [];
    const state = { messages: stored.turns, live: null, busy: false, disabled: false, version: "1.0" };
    const sendControlMessage = vi.fn((message: { content: { magistral_nb: { type: string } } }) => {
      const future = { onReply: (_: unknown) => {}, done: Promise.resolve() };
      asked.push(message.content.magistral_nb);
      const bundle = { [MIME]: { ...stored, turns: [] }, "text/html": "<p>Because.</p>", "text/plain": "Because." };
      const answer = { state, kept: bundle }[message.content.magistral_nb.type] ?? null;
      void Promise.resolve().then(() => future.onReply({ content: { magistral_nb: answer } }));
      return future;
    });
    const kernel = { anyMessage, sendControlMessage };
    const panel = await show(true, {
      watchKernel: (_, hear) => {
        hear(kernel as never);
        return () => {};
      },
    });
    await vi.advanceTimersByTimeAsync(2_000);
    const area = panel.node.querySelector<HTMLTextAreaElement>(".magistral-composer textarea");
    if (area) area.value = "Why?";
    area?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    expect(asked.at(-1)).toMatchObject({ type: "ask", id: "p", text: "Why?" });
    const say = (content: unknown) => {
      const msg = { header: { msg_type: "comm_msg" }, content: { comm_id: "k", data: { method: "custom", content } } };
      anyMessage.emit({ msg, direction: "recv" });
    };
    say({ type: "live", index: 1, text: "Why?", reply_id: "r", reply: null, seen: 0 });
    say({ type: "events", reply_id: "r", seq: 0, events: [started, answers("Because."), done] });
    say({ type: "turn", index: 1, turn: turn(2, "Why?", null), reply_id: "r", seq: 3 });
    await vi.advanceTimersByTimeAsync(600);
    expect([...panel.node.querySelectorAll(".magistral-answer")].map((one) => one.textContent)).toEqual([
      "Me.",
      "Because.",
    ]);
    expect(kept).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(kept).toMatchObject([{ data: { "text/html": "<p>Because.</p>" } }]); // as the kernel would have renewed it
    sendControlMessage.mockImplementation((() => undefined) as never); // it does not answer any more
    say({ type: "turns", from: 1, turns: [turn(3, "Why not?", "For no reason.")], live: null });
    await vi.advanceTimersByTimeAsync(5_100);
    expect(JSON.stringify(kept.at(-1))).toContain("For no reason.");
    anyMessage.emit({
      msg: { header: { msg_type: "comm_close" }, content: { comm_id: "k", data: {} } },
      direction: "recv",
    });
    expect(panel.node.textContent).toContain("This panel was closed");
    panel.dispose();
  });
});
