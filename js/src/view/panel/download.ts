/** Saves what the kernel made as a file of the reader's. Nothing of it is opened here. */

import { make } from "../dom.js";

const KEPT_FOR = 60_000;

/** `data` is `{filename, mime, text}`. */
export function download(page: Document, data: unknown): void {
  const { filename, text } = (data ?? {}) as { filename?: unknown; text?: unknown };
  if (typeof text !== "string") return;
  // As bytes, whatever it is: a browser must not open a page that holds a model's words beside the notebook.
  const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const name = typeof filename === "string" ? filename.replace(/[/\\]/g, "-") : "chat";
  const link = make(page, "a", { attributes: { href: url, download: name } });
  link.hidden = true;
  page.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_FOR);
}
