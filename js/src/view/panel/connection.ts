/** What is said while a panel cannot be asked: no connection, a kernel that ended, or no kernel at all. */

import { copyButton } from "../copying.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import type { Said } from "./banner.js";
import type { PanelDoor } from "./door.js";

const words = LABELS.panel;
const LONGEST_LINE_SHOWN = 90;

/** `resume` is null where the reader has to run the line. */
export function connectionBanner(page: Document, door: PanelDoor, resume: (() => void) | null): Said | null {
  const { connection, disabled } = door.facts();
  if (connection === "away") return { text: words.away, kind: "lasting" };
  if (connection === "there") return disabled ? { text: words.disabled, kind: "lasting" } : null;
  if (connection === "closed") return { text: words.closed, kind: "lasting" };
  const text = connection === "lost" ? words.lost : words.stored;
  if (!door.state.turns.length) return { text, kind: "lasting" };
  if (resume) return { text, kind: "lasting", action: { label: words.resume, act: resume } };
  return { text, hint: words.resumeByHand, kind: "lasting", code: lineToCopy(page, door.resumeLine()) };
}

function lineToCopy(page: Document, line: string): HTMLElement {
  const shown = line.length > LONGEST_LINE_SHOWN ? `${line.slice(0, LONGEST_LINE_SHOWN)}…` : line;
  return make(page, "div", {
    class: "magistral-line-to-copy",
    attributes: { dir: "ltr" },
    children: [make(page, "code", { text: shown }), copyButton(page, () => line, words.copyLine)],
  });
}
