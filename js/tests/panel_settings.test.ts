// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { INSERTER } from "../src/widget/inserting.js";
import { PANEL_WAYS } from "../src/widget/page_ways.js";
import { answers, begin, FakeSignal, open, started, TALK } from "./panel_helpers.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
  Reflect.deleteProperty(globalThis, INSERTER);
  Reflect.deleteProperty(globalThis, PANEL_WAYS);
});

describe("settings, prompt and export", () => {
  test("a setting is sent when it is changed, and a refusal stands beside it", async () => {
    const page = open();
    page.button("Settings").click();
    const field = [...page.all("label")].find((label) => label.textContent === "Temperature");
    const input = page.find<HTMLInputElement>(`#${field?.getAttribute("for")}`);
    expect(input.value).toBe("0.7");
    input.value = "9";
    input.dispatchEvent(new Event("change"));
    expect(page.model.last("set").values).toEqual({ temperature: 9 });
    await page.model.answer("set", null, { message: "9 is too hot.", hint: "At most 2." });
    expect(page.texts(".magistral-refused").join("")).toBe("9 is too hot. At most 2.");
    expect(input.getAttribute("aria-invalid")).toBe("true");
    input.value = "";
    input.dispatchEvent(new Event("change"));
    expect(page.model.last("set").values).toEqual({ temperature: null });
    page.find<HTMLInputElement>("input[value=all]").click();
    expect(page.model.last("set").values).toEqual({ keep_thinking: "all" });
    page.button("List the models").click();
    page.model.set("choices", { endpoints: [], models: ["a", "b"], models_error: "" });
    await page.model.answer("models", { models: ["a", "b"] });
    expect(page.all("datalist option")).toHaveLength(2);
    page.press("Escape", {}, input);
    expect(page.find(".magistral-drawer").hidden).toBe(true);
  });

  test("the system prompt is the model's, one's own, or none", async () => {
    const page = open();
    page.button("Settings").click();
    const kind = (value: string): HTMLInputElement => page.find(`.magistral-settings input[value=${value}]`);
    const system = kind("own").closest("fieldset")?.parentElement as HTMLElement;
    const none = system.querySelector("input[value=none]") as HTMLInputElement;
    const area = system.querySelector("textarea") as HTMLTextAreaElement;
    const tell = (changed: object): void =>
      page.model.set("settings", { ...(page.model.get("settings") as object), ...changed });
    const hasOwn = (): boolean => !(area.parentElement as HTMLElement).hidden;
    expect([kind("default").checked, hasOwn()]).toEqual([true, false]);
    none.click();
    expect(page.model.last("set").values).toEqual({ system: "" });
    tell({ system: null });
    expect([none.checked, hasOwn()]).toEqual([true, false]);
    kind("own").click();
    tell({ temperature: 0.3 });
    expect([kind("own").checked, hasOwn()]).toEqual([true, true]); // still writing
    area.value = "Speak Latin.";
    area.dispatchEvent(new Event("change"));
    expect(page.model.last("set").values).toEqual({ system: "Speak Latin." });
    tell({ system: "Speak Latin." });
    kind("default").click();
    expect(page.model.last("set").values).toEqual({ system: "default" });
    tell({ system: "default" });
    expect([kind("default").checked, hasOwn()]).toEqual([true, false]);
  });

  test("the prompt is made of texts: nothing of it is read as HTML", async () => {
    const page = open();
    page.button("Show the prompt").click();
    const parts = [
      ["control", "[INST]"],
      ["text", "<img src=x onerror=alert(1)>\u202e"],
      ["other", 7],
    ];
    await page.model.answer("prompt", { parts, html: "<b>no</b>", text: "12 tokens", tokens: 12, exact: true });
    expect(page.find(".magistral-prompt").textContent).toBe("[INST]<img src=x onerror=alert(1)>⟨U+202E⟩");
    expect(page.all("img")).toHaveLength(0);
    expect(page.find(".magistral-prompt-box").textContent).toContain("12 tokens");
    page.button("Close").click();
    expect(document.activeElement).toBe(page.button("Show the prompt"));
  });

  test("an export is saved as a file, not opened", async () => {
    const blobs: Blob[] = [];
    Object.assign(URL, { createObjectURL: (blob: Blob) => `blob:${blobs.push(blob)}`, revokeObjectURL: () => {} });
    const saved: string[] = [];
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download);
    });
    const page = open(TALK);
    page.button("Export").click();
    page.press("ArrowDown");
    page.press("ArrowDown");
    expect(document.activeElement?.textContent).toBe("Web page (.html)");
    (document.activeElement as HTMLElement).click();
    expect(page.model.last("export").format).toBe("html");
    await page.model.answer("export", { filename: "../chat.html", mime: "text/html", text: "<p>x" });
    expect(saved).toEqual(["..-chat.html"]);
    expect(blobs[0]?.type).toBe("application/octet-stream");
    click.mockRestore();
  });
});

describe("the kernel", () => {
  function kernel() {
    const comm = { open: vi.fn(), send: vi.fn<(message: unknown) => void>(), subshellStarted: Promise.resolve() };
    const [statusChanged, connectionStatusChanged, disposed] = [new FakeSignal(), new FakeSignal(), new FakeSignal()];
    return { comm, createComm: vi.fn(() => comm), statusChanged, connectionStatusChanged, disposed };
  }

  test("hears each wish on both comms, with one nonce", async () => {
    const fake = kernel();
    const page = open({}, { kernel: fake });
    page.write("Why?");
    page.button("Send").click();
    await vi.advanceTimersByTimeAsync(10);
    const sent = page.model.last("ask");
    expect(fake.comm.send).toHaveBeenCalledWith(sent);
    expect(sent.op).toMatch(/^[\w-]{1,64}$/);
    expect(new Set(page.model.sent.map(({ op }) => op)).size).toBe(page.model.sent.length);
  });

  test("that restarts leaves the text, and the reader goes on with a click", () => {
    const fake = kernel();
    const run = vi.fn(() => true);
    Object.assign(globalThis, { [PANEL_WAYS]: { run, aside: () => null } });
    const page = open(TALK, { kernel: fake });
    page.model.hear(begin("And?", 2), { type: "events", reply_id: "r", seq: 0, events: [started, answers("So fa")] });
    fake.statusChanged.emit("restarting");
    vi.advanceTimersByTime(600);
    expect(page.texts(".magistral-answer")).toEqual(["Me.", "Here.", "So fa"]);
    expect(page.find(".magistral-banner-lasting").textContent).toContain("The kernel was restarted");
    expect(page.find(".magistral-composer").hidden).toBe(true);
    expect(run).not.toHaveBeenCalled();
    page.button("Go on in the new kernel").click();
    const code = String((run.mock.calls as unknown[][])[0]?.[1]);
    const packed = /^from magistral_nb import ChatPanel; ChatPanel\.resume\("([\w+/=]+)"\)\.show\(\)$/.exec(code)?.[1];
    const { turns } = JSON.parse(Buffer.from(String(packed), "base64").toString("utf8"));
    expect(turns.map((one: { text: string }) => one.text)).toEqual(["Who?", "Where?", "And?"]);
  });

  test("closes the panel: the text stays, and nothing can be asked", async () => {
    const fake = kernel();
    const page = open(TALK, { kernel: fake });
    page.model.hear(begin("And?", 2), { type: "events", reply_id: "r", seq: 0, events: [started, answers("So fa")] });
    page.model.close();
    await vi.advanceTimersByTimeAsync(600);
    expect(page.texts(".magistral-answer")).toEqual(["Me.", "Here.", "So fa"]);
    expect(page.find(".magistral-banner-lasting").textContent).toBe(
      "This panel was closed by the notebook's code. This is what was said.",
    );
    expect(page.find(".magistral-composer").hidden).toBe(true);
    expect(page.find(".magistral-panel").classList.contains("magistral-busy")).toBe(false);
    fake.statusChanged.emit("restarting");
    fake.connectionStatusChanged.emit("connected");
    expect(page.find(".magistral-banner-lasting").textContent).toContain("was closed");
  });

  test("without the labextension the line to go on with is given", () => {
    const fake = kernel();
    const page = open(TALK, { kernel: fake });
    fake.statusChanged.emit("dead");
    page.button("Go on in the new kernel").click();
    expect(page.find(".magistral-line-to-copy code").textContent).toContain("ChatPanel.resume(");
  });

  test("that is out of reach says so, and what was missed is asked for when it is back", () => {
    const fake = kernel();
    const page = open(TALK, { kernel: fake });
    fake.connectionStatusChanged.emit("connecting");
    expect(page.find(".magistral-banner-lasting").textContent).toContain("no connection");
    expect(page.area.disabled).toBe(true);
    fake.connectionStatusChanged.emit("connected");
    expect(page.find(".magistral-banner-lasting")).toBeNull();
    expect(page.model.last("whole").from).toBe(0);
    expect(page.area.disabled).toBe(false);
  });
});
