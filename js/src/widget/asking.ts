/**
 * Asks a kernel that may be busy: on the control channel, by a `comm_info_request` with one more field. Each kernel
 * understands it, and JupyterLab does not take a kernel for idle when it has answered one.
 */

import { CONTROL_TARGET, type Kernel } from "./kernel.js";

const FIELD = "magistral_nb";
let asked = 0;

/** Return what the kernel answers; null if it does not know what this is about. Without a kernel there is no answer. */
export function ask(kernel: Kernel, question: { type: string; id: string }): Promise<unknown> {
  return new Promise((resolve) => {
    try {
      const future = kernel.sendControlMessage?.(request(kernel, question), true);
      if (!future) return;
      future.onReply = ({ content }) => resolve((content as Record<string, unknown>)[FIELD] ?? null);
      future.done.catch(() => {}); // the kernel has ended meanwhile
    } catch {
      // it is dead already
    }
  });
}

function request(kernel: Kernel, question: unknown): unknown {
  asked += 1;
  return {
    channel: "control",
    header: {
      msg_id: `magistral-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${asked}`,
      msg_type: "comm_info_request",
      session: kernel.clientId ?? "",
      username: kernel.username ?? "",
      date: new Date().toISOString(),
      version: "5.3",
    },
    parent_header: {},
    metadata: {},
    content: { target_name: CONTROL_TARGET, [FIELD]: question },
    buffers: [],
  };
}
