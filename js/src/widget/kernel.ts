/** What is used of JupyterLab's connection to a kernel, by shape. Other front ends have less of it, or nothing. */

import type { ReplyModel } from "./assets.js";

/** What a page names to speak to the package in a kernel. */
export const CONTROL_TARGET = "magistral_nb.control";

export interface Signal<Args> {
  connect(hear: (sender: unknown, args: Args) => void): unknown;
  disconnect(hear: (sender: unknown, args: Args) => void): unknown;
}

export interface Comm {
  open(data: unknown): unknown;
  send(data: unknown): unknown;
  isDisposed?: boolean;
  subshellStarted?: Promise<unknown>;
}

export interface WireMessage {
  channel: string;
  header: { msg_type: string };
  content: unknown;
}

interface Future {
  onReply: (message: WireMessage) => void;
  done: Promise<unknown>;
}

export interface Kernel {
  readonly clientId?: string;
  readonly username?: string;
  readonly status?: string;
  createComm?(target: string): Comm;
  interrupt?(): Promise<unknown>;
  sendControlMessage?(message: unknown, expectReply: boolean): Future;
  readonly anyMessage?: Signal<{ msg: WireMessage; direction: string }>;
  readonly statusChanged?: Signal<string>;
  readonly connectionStatusChanged?: Signal<string>;
  readonly disposed?: Signal<unknown>;
}

/** The kernel of a model: the widget's own, not the one of the notebook in front. */
export function kernelOf(model: ReplyModel): Kernel | undefined {
  return model.kernel ?? (model.widget_manager as { kernel?: Kernel } | undefined)?.kernel;
}

const LOST = new Set(["restarting", "autorestarting", "terminating", "dead"]);

/** Call `lose` once when the kernel, and with it all that it runs, comes to an end; returns what stops watching. */
export function whenLost(kernel: Kernel | undefined, lose: () => void): () => void {
  const end = (): void => {
    forget();
    lose();
  };
  const hear = (_: unknown, status: string): void => {
    if (LOST.has(status)) end();
  };
  const forget = (): void => {
    kernel?.statusChanged?.disconnect(hear);
    kernel?.disposed?.disconnect(end);
  };
  kernel?.statusChanged?.connect(hear);
  kernel?.disposed?.connect(end);
  return forget;
}

/** Call `hear` when the connection comes and goes, with whether it is there; returns what stops watching. */
export function whenConnected(kernel: Kernel | undefined, hear: (isConnected: boolean) => void): () => void {
  let isThere = true;
  const look = (_: unknown, status: string): void => {
    if ((status === "connected") === isThere) return;
    isThere = status === "connected";
    hear(isThere);
  };
  kernel?.connectionStatusChanged?.connect(look);
  return () => kernel?.connectionStatusChanged?.disconnect(look);
}
