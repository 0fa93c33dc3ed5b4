/**
 * Stop, with a busy kernel too. A message on the widget's own comm does not arrive while a cell runs (ipykernel 7 sends
 * it to the busy shell); one on a comm that the page opened does. Where neither helps, the kernel is interrupted.
 */

import type { ReplyModel } from "./assets.js";

export const CONTROL_TARGET = "magistral_nb.control";
const PATIENCE = 700;

interface Comm {
  open(data: unknown): unknown;
  send(data: unknown): unknown;
  isDisposed?: boolean;
  subshellStarted?: Promise<unknown>;
}

interface Kernel {
  createComm?(target: string): Comm;
  interrupt?(): Promise<unknown>;
}

const controls = new WeakMap<Kernel, Comm>();

export class Stopper {
  private isOver = false;

  constructor(
    private readonly model: ReplyModel,
    private readonly id: string,
  ) {
    void this.control(); // opened before it is needed: a comm takes a moment
  }

  /** The reply has ended: there is nothing left to interrupt. */
  done(): void {
    this.isOver = true;
  }

  stop(): void {
    if (this.isOver) return;
    const message = { type: "stop", id: this.id };
    this.model.send(message);
    void this.control().then((comm) => comm?.send(message));
    setTimeout(() => {
      if (!this.isOver) void this.kernel()?.interrupt?.();
    }, PATIENCE);
  }

  /** The widget's own kernel, not the one of the notebook in front; not every front end shows it. */
  private kernel(): Kernel | undefined {
    return (this.model.widget_manager as { kernel?: Kernel } | undefined)?.kernel;
  }

  private async control(): Promise<Comm | undefined> {
    const kernel = this.kernel();
    if (!kernel?.createComm) return undefined;
    const known = controls.get(kernel);
    if (known && !known.isDisposed) return known;
    try {
      const comm = kernel.createComm(CONTROL_TARGET);
      controls.set(kernel, comm);
      await comm.subshellStarted;
      comm.open({});
      return comm;
    } catch {
      return undefined; // the interrupt remains
    }
  }
}
