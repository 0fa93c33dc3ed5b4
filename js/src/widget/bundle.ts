/** What is loaded once per page and shared by all widgets: the view, and how it hears its kernel. */

import { type ReplyEvent, readReply } from "../core/protocol.js";
import { make } from "../view/dom.js";
import { ReplyView } from "../view/reply.js";
import { addStyle } from "../view/style.js";
import type { Bundle, Message, ReplyModel } from "./assets.js";
import { hideSoFar } from "./hiding.js";
import { INSERTER, listenForInserts } from "./inserting.js";
import { kernelOf, whenLost } from "./kernel.js";
import { renderPanel, renderStoredPanel } from "./panel.js";
import { Stopper } from "./stopping.js";

/** Draw the live reply of a widget's model into an element; returns what takes it away again. */
export function renderReply(host: HTMLElement, model: ReplyModel & { magistral?: Message[] | undefined }): () => void {
  addStyle(host);
  const id = String(model.get("reply_id") ?? "");
  const stopper = new Stopper(model, id);
  const isLive = model.get("live") !== false;
  const view = new ReplyView(host, {
    id,
    canInsert: model.get("can_insert") === true || INSERTER in globalThis,
    showThinking: model.get("show_thinking") !== false,
    ...(isLive ? { onStop: () => stopper.stop() } : {}),
  });
  const forget = listenForInserts(view.element, model);
  const show = hideSoFar(view.element, id);
  const end = (): void => {
    stopper.done();
    forgetKernel();
  };
  const forgetKernel = whenLost(isLive ? kernelOf(model) : undefined, () => {
    end();
    view.lose();
  });
  let seen = Number(model.get("seen") ?? 0);
  const stored = model.get("reply");
  if (stored) view.show(readReply(stored), isLive);
  const hear = (message: Message): void => {
    if (message.type === "patience") view.patience(message.text);
    else if (message.type === "reply") {
      seen = message.seq;
      if (!message.live) end();
      view.show(readReply(message.reply), message.live);
    } else if (message.type === "events" && message.seq > seen) {
      stopper.askForWhole();
    } else if (message.type === "events") {
      const fresh = unseen(message, seen);
      seen = Math.max(seen, message.seq + message.events.length);
      if (fresh.some((event) => event.type === "done" || event.type === "failed")) end();
      if (fresh.length) view.add(fresh);
    }
  };
  for (const message of model.magistral ?? []) hear(message);
  model.on("msg:custom", hear);
  if (!stored && !model.magistral?.length) view.add([]);
  return () => {
    model.off("msg:custom", hear);
    forget();
    forgetKernel();
    show();
    view.destroy();
  };
}

/** A page that was loaded anew has some events in its first picture already. */
function unseen({ seq, events }: { seq: number; events: ReplyEvent[] }, seen: number): ReplyEvent[] {
  return events.slice(Math.max(0, seen - seq));
}

export { ReplyView, readReply, renderPanel, renderStoredPanel };

/** Draw a stored reply, as the MIME renderer does; returns what takes it away again. */
export function renderStored(host: HTMLElement, data: unknown, id: string): () => void {
  addStyle(host);
  const view = new ReplyView(host, { id, canInsert: INSERTER in globalThis });
  const forget = listenForInserts(view.element);
  view.show(readReply(data));
  return () => {
    forget();
    view.destroy();
  };
}

/** Draw the end of a reply whose kernel cannot be asked, as it was written; returns what takes it away again. */
export function renderSoFar(host: HTMLElement, text: string): () => void {
  addStyle(host);
  const page = host.ownerDocument;
  const end = text.lastIndexOf("\n\n"); // what follows is the kernel's own word, not the model's
  const words = (name: string, said: string) =>
    said ? make(page, "div", { class: name, text: said, attributes: { dir: "auto" } }) : null;
  const element = make(page, "div", {
    class: "magistral magistral-reply",
    children: [
      words("magistral-so-far", text.slice(0, Math.max(0, end))),
      words("magistral-notice", text.slice(Math.max(0, end)).trim()),
    ],
  });
  host.append(element);
  return () => element.remove();
}

({ renderReply, renderStored, renderSoFar, renderPanel, renderStoredPanel }) satisfies Bundle;
