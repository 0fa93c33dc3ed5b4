/** A chat panel in a page, and a kernel to talk to that only notes what it hears. */

import { vi } from "vitest";
import type { PanelMessage } from "../src/core/panel_protocol.js";
import type { ReplyEvent } from "../src/core/protocol.js";
import type { ReplyModel } from "../src/widget/assets.js";
import { renderPanel } from "../src/widget/panel.js";

export interface Sent {
  type: string;
  id: string;
  op: string;
  [name: string]: unknown;
}

type Hear = (...args: never[]) => void;

export class FakeSignal {
  private readonly heard = new Set<(sender: unknown, args: unknown) => void>();
  connect(hear: (sender: unknown, args: never) => void): void {
    this.heard.add(hear as (sender: unknown, args: unknown) => void);
  }
  disconnect(hear: (sender: unknown, args: never) => void): void {
    this.heard.delete(hear as (sender: unknown, args: unknown) => void);
  }
  emit(args: unknown): void {
    for (const hear of [...this.heard]) hear(null, args);
  }
}

export class FakePanelModel implements ReplyModel {
  readonly sent: Sent[] = [];
  private readonly heard = new Map<string, Set<Hear>>();

  constructor(
    readonly traits: Record<string, unknown> = {},
    readonly widget_manager?: unknown,
  ) {
    this.traits = { version: "1.0", panel_id: "p", kind: "panel", messages: [], live: null, ...FACTS, ...traits };
  }

  get(name: string): unknown {
    return this.traits[name];
  }

  on(name: string, hear: Hear): void {
    this.heard.set(name, (this.heard.get(name) ?? new Set()).add(hear));
  }

  off(name: string, hear: Hear): void {
    this.heard.get(name)?.delete(hear);
  }

  send(message: unknown): void {
    this.sent.push(message as Sent);
  }

  hear(...messages: PanelMessage[]): void {
    for (const message of messages) {
      for (const hear of this.heard.get("msg:custom") ?? []) (hear as (message: PanelMessage) => void)(message);
    }
    vi.advanceTimersByTime(600);
  }

  set(name: string, value: unknown): void {
    this.traits[name] = value;
    for (const hear of this.heard.get(`change:${name}`) ?? []) (hear as () => void)();
  }

  close(): void {
    for (const hear of this.heard.get("destroy") ?? []) (hear as () => void)();
  }

  /** The last op of a kind. */
  last(type: string): Sent {
    const found = this.sent.filter((one) => one.type === type).at(-1);
    if (!found) throw new Error(`no ${type} among ${this.sent.map((one) => one.type).join(" ")}`);
    return found;
  }

  /** Answer the last op of a kind. */
  async answer(type: string, data: unknown, error?: { message: string; hint: string }): Promise<void> {
    this.hear({ type: "result", op: this.last(type).op, data, ...(error ? { error } : {}) });
    await vi.advanceTimersByTimeAsync(1);
  }
}

const FACTS = {
  busy: false,
  disabled: false,
  settings: { endpoint: "local", model: "magistral-small", keep_thinking: "none", system: "default", temperature: 0.7 },
  choices: { endpoints: [{ name: "local", description: "", ready: true, why: "" }], models: null, models_error: "" },
  meter: { used: 1234, limit: 40_960, exact: false, tokens: null, cost: 0.0031, budget: null },
  welcome: { endpoint: "local", why: "It is the only one.", examples: ["One?", "Two?", "Three?"], help: null },
};

export function turn(id: number | null, text: string, answer: string | null, more: Record<string, unknown> = {}) {
  const reply = answer === null ? null : { v: 1, answer, finish_reason: "stop", complete: true };
  return { id, text, reply, error: null, state: "whole", branch: { at: 1, of: 1 }, can_continue: false, ...more };
}

export const started: ReplyEvent = { type: "started", model: "magistral-small", endpoint: "local", at: 0 };
export const answers = (text: string, at = 1): ReplyEvent => ({ type: "answer.delta", text, at });
export const done: ReplyEvent = { type: "done", finish_reason: "stop", at: 3 };

/** A page with one panel in it. */
export class PanelPage {
  readonly host = document.body.appendChild(document.createElement("div"));
  readonly forget: () => void;

  constructor(readonly model: FakePanelModel) {
    this.forget = renderPanel(this.host, model);
    vi.advanceTimersByTime(100);
  }

  find<Kind extends HTMLElement = HTMLElement>(selector: string): Kind {
    return this.host.querySelector(selector) as Kind;
  }

  all(selector: string): HTMLElement[] {
    return [...this.host.querySelectorAll<HTMLElement>(selector)];
  }

  texts(selector: string): string[] {
    return this.all(selector).map((one) => one.textContent ?? "");
  }

  /** The button of this name; where there are several, the last. */
  button(name: string): HTMLButtonElement {
    const found = this.all("button").filter((one) => (one.getAttribute("aria-label") ?? one.textContent) === name);
    const last = found.filter((one) => !one.closest("[hidden]")).at(-1);
    if (!last)
      throw new Error(
        `no button ${name} among ${this.all("button").map((one) => one.getAttribute("aria-label") ?? one.textContent)}`,
      );
    return last as HTMLButtonElement;
  }

  get area(): HTMLTextAreaElement {
    return this.find(".magistral-composer textarea");
  }

  write(text: string, area = this.area): void {
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  press(key: string, more: KeyboardEventInit = {}, on: Element = document.activeElement ?? this.area): KeyboardEvent {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
    on.dispatchEvent(event);
    return event;
  }
}

export const open = (traits: Record<string, unknown> = {}, manager?: unknown): PanelPage =>
  new PanelPage(new FakePanelModel(traits, manager));
export const TALK = { messages: [turn(1, "Who?", "Me."), turn(2, "Where?", "**Here**.")] };
export const begin = (text = "Why?", index = 0, id = "r") =>
  ({ type: "live", index, text, reply_id: id, reply: null, seen: 0 }) as const;
