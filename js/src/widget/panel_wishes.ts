/** What the reader wants, on its way to the kernel and back. Each wish goes both ways, and the kernel takes it once. */

import { readProblem } from "../core/panel_protocol.js";
import { LABELS } from "../view/labels.js";
import { Refusal, type Wish } from "../view/panel/door.js";
import { ask } from "./asking.js";
import type { ReplyModel } from "./assets.js";
import { controlComm } from "./control.js";
import { kernelOf } from "./kernel.js";

/** So long an answer may take, in milliseconds: a kernel may ask an endpoint for its models. */
const ANSWER_WITHIN = 60_000;

interface Open {
  resolve: (data: unknown) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

type Op = Wish | { type: "hello"; follow: boolean } | { type: "whole"; from: number } | { type: "stop" };

export class PanelWishes {
  private readonly open = new Map<string, Open>();
  private readonly mine = Math.random().toString(36).slice(2, 12);
  private count = 0;

  constructor(
    private readonly model: ReplyModel,
    private readonly id: string,
  ) {}

  /** Send what needs no answer. */
  tell(op: Op): string {
    this.count += 1;
    const nonce = `${this.mine}-${this.count}`;
    const message = { ...op, id: this.id, op: nonce };
    try {
      this.model.send(message);
    } catch {
      // the widget's comm is closed; the other may not be
    }
    const kernel = kernelOf(this.model);
    if (kernel?.sendControlMessage) void ask(kernel, message);
    else void controlComm(kernel).then((comm) => comm?.send(message));
    return nonce;
  }

  send(wish: Wish): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const nonce = this.tell(wish);
      const timer = setTimeout(() => this.refuse(nonce, LABELS.panel.noAnswer), ANSWER_WITHIN);
      this.open.set(nonce, { resolve, reject, timer });
    });
  }

  answered(nonce: string, data: unknown, error: unknown): void {
    const problem = readProblem(error);
    if (problem) {
      this.refuse(nonce, problem.message, problem.hint);
      return;
    }
    this.take(nonce)?.resolve(data);
  }

  /** Nothing will be answered any more. */
  refuseAll(why: string): void {
    for (const nonce of [...this.open.keys()]) this.refuse(nonce, why);
  }

  private refuse(nonce: string, message: string, hint = ""): void {
    this.take(nonce)?.reject(new Refusal(message, hint));
  }

  private take(nonce: string): Open | undefined {
    const found = this.open.get(nonce);
    this.open.delete(nonce);
    clearTimeout(found?.timer);
    return found;
  }
}
