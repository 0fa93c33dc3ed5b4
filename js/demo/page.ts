/** A page for looking: `index.html?scene=finished`. Every scene stands still, but for those that stream. */

import type { ReplyEvent } from "../src/core/protocol.js";
import { PanelView } from "../src/view/panel/panel.js";
import { ReplyView } from "../src/view/reply.js";
import { addStyle } from "../src/view/style.js";
import { demoDoor, PANELS } from "./panel_scenes.js";
import { SCENES, type Scene } from "./scenes.js";

const place = document.querySelector("#place") as HTMLElement;
const wanted = new URLSearchParams(location.search).get("scene") ?? "finished";
addStyle(place);
let view: ReplyView;
const panel = PANELS[wanted];
if (panel) {
  new PanelView(place, demoDoor(panel));
  const press = () => place.querySelector<HTMLElement>(`[aria-label="${panel.press}"]`)?.click();
  if (panel.press) setTimeout(press, 150);
  if (panel.atTop) setTimeout(() => place.querySelector(".magistral-log")?.scrollTo(0, 0), 100);
} else showReply(SCENES[wanted] as Scene);

function showReply(scene: Scene): void {
  view = new ReplyView(place, {
    id: wanted,
    canInsert: true,
    ...(scene.isLive ? { onStop: () => view.add([{ type: "done", finish_reason: "interrupted", at: 14 }]) } : {}),
  });
  if (scene.reply) view.show(scene.reply, scene.isLive);
  if (scene.events) view.add(scene.events);
  if (scene.patience) view.patience(scene.patience);
}

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

Object.assign(globalThis, { stream });
