/** A page for looking: `index.html?scene=finished`. Every scene stands still, but for those that stream. */

import type { ReplyEvent } from "../src/core/protocol.js";
import { ReplyView } from "../src/view/reply.js";
import { addStyle } from "../src/view/style.js";
import { SCENES, type Scene } from "./scenes.js";

const place = document.querySelector("#place") as HTMLElement;
const wanted = new URLSearchParams(location.search).get("scene") ?? "finished";
const scene = SCENES[wanted] as Scene;
addStyle(place);

const view = new ReplyView(place, {
  id: wanted,
  canInsert: true,
  ...(scene.isLive ? { onStop: () => view.add([{ type: "done", finish_reason: "interrupted", at: 14 }]) } : {}),
});
if (scene.reply) view.show(scene.reply, scene.isLive);
if (scene.events) view.add(scene.events);
if (scene.patience) view.patience(scene.patience);

/** Stream a text at so many characters a second: `stream(text)` in the console. */
export function stream(text: string, perSecond = 800): void {
  let at = 0;
  const timer = setInterval(() => {
    const events: ReplyEvent[] = [
      { type: "answer.delta", text: text.slice(at, at + perSecond / 20), at: at / perSecond },
    ];
    at += perSecond / 20;
    if (at >= text.length) {
      clearInterval(timer);
      events.push({ type: "done", finish_reason: "stop", at: at / perSecond });
    }
    view.add(events);
  }, 50);
}

Object.assign(globalThis, { stream, view });
