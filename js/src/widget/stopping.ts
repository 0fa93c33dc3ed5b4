/**
 * Stop, with a busy kernel too. A message on the widget's own comm does not arrive while a cell runs (ipykernel 7 sends
 * it to the busy shell). The control channel does, and where a front end has none, a comm that the page opened may:
 * with subshells, from ipykernel 7 on. Where nothing helps, the kernel is interrupted.
 */

import { ask } from "./asking.js";
import type { ReplyModel } from "./assets.js";
import { controlComm } from "./control.js";
import { kernelOf } from "./kernel.js";

const PATIENCE = 700;

export class Stopper {
  private isOver = false;

  constructor(
    private readonly model: ReplyModel,
    private readonly id: string,
  ) {
    // Says that the page draws this reply. It also opens the comm before it is needed: that takes a moment.
    this.tell("hello");
  }

  /** Something was missed, between the kernel's picture of the reply and the first message that was heard. */
  askForWhole(): void {
    this.tell("whole");
  }

  /** The reply has ended: there is nothing left to interrupt. */
  done(): void {
    this.isOver = true;
  }

  stop(): void {
    if (this.isOver) return;
    const message = { type: "stop", id: this.id };
    this.model.send(message);
    this.tell("stop");
    setTimeout(() => {
      if (!this.isOver) void kernelOf(this.model)?.interrupt?.();
    }, PATIENCE);
  }

  private tell(type: string): void {
    const kernel = kernelOf(this.model);
    if (this.model.tell) this.model.tell(type);
    else if (kernel?.sendControlMessage) void ask(kernel, { type, id: this.id });
    else void controlComm(kernel).then((comm) => comm?.send({ type, id: this.id }));
  }
}
