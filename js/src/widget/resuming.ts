/** The line of code that goes on with a chat in a new kernel. What was said is in it as base64: no word of it is code. */

import type { StoredPanel } from "../core/panel_protocol.js";

const CHUNK = 0x8000;

export function resumeLine(stored: Partial<StoredPanel>): string {
  const bytes = new TextEncoder().encode(JSON.stringify(stored));
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return `from magistral_nb import ChatPanel; ChatPanel.resume("${btoa(text)}").show()`;
}
