/** One way to draw a growing reply: `prepare(way, what)`, then `measure()`. `run.mjs` calls them and compares. */

import type { ReplyEvent } from "../src/core/protocol.js";
import { ReplyView } from "../src/view/reply.js";
import { addStyle } from "../src/view/style.js";
import { panelOurs, panelWhole } from "./panel.js";
import { TEXTS, type What } from "./texts.js";
import { wholeText } from "./whole.js";

const MESSAGES_A_SECOND = 20;
const FRAME = 1000 / 60;

export interface Figures {
  seconds: number;
  frames: number;
  dropped: number;
  longestGap: number;
}

type Way = "ours" | "whole";

/** Takes in more of a text and, called with nothing, its end. */
type Add = (more?: string) => void;
type Drawer = (host: HTMLElement) => Add;

const END: ReplyEvent = { type: "done", finish_reason: "stop", at: 0 };

const WAYS: Readonly<Record<Way, Drawer>> = {
  whole: wholeText,
  ours: (host) => {
    addStyle(host);
    const view = new ReplyView(host);
    return (more) => {
      if (more === undefined) view.add([END]);
      else view.add([{ type: "answer.delta", text: more, at: 0 }]);
    };
  },
};

const PANEL_WAYS: Readonly<Record<Way, Drawer>> = { whole: panelWhole, ours: panelOurs };

let measured: () => Promise<Figures>;
let ended: () => Promise<void>;
let compared: () => boolean;

/** Draw what is there before the measuring begins. */
async function prepare(way: Way, what: What): Promise<void> {
  const { before, text, perSecond } = TEXTS[what]();
  const host = document.querySelector("#place") as HTMLElement;
  const add = (what === "panel" ? PANEL_WAYS : WAYS)[way](host);
  add(before);
  await rest(1_500);
  host.scrollTop = host.scrollHeight;
  await rest(300);
  measured = async () => {
    const watch = watchFrames();
    await feed(add, text, perSecond);
    await rest(200);
    return watch();
  };
  ended = async () => {
    add();
    await rest(500);
  };
  compared = () => way === "whole" || looks(host) === looks(drawnAtOnce(before + text));
}

function drawnAtOnce(text: string): HTMLElement {
  const host = document.body.appendChild(document.createElement("div"));
  const view = new ReplyView(host);
  view.add([{ type: "answer.delta", text, at: 0 }, END]);
  return host;
}

/** Return what a reader sees of the last answer, but for what may be skipped and how plain code is cut. */
function looks(host: HTMLElement): string {
  const answer = [...host.querySelectorAll(".magistral-answer")].at(-1)?.cloneNode(true) as HTMLElement;
  for (const box of answer.querySelectorAll("code > .magistral-lines")) box.replaceWith(...box.childNodes);
  answer.normalize();
  return answer.innerHTML.replace(/ ?magistral-closed(?:-item)?/g, "").replaceAll(' class=""', "");
}

/** Bring the text as a kernel does: gathered, and by the clock, whether the page keeps up or not. */
async function feed(add: Add, text: string, perSecond: number): Promise<void> {
  const began = performance.now();
  for (let at = 0; at < text.length; ) {
    await rest(1000 / MESSAGES_A_SECOND);
    const due = Math.min(text.length, Math.round(((performance.now() - began) / 1000) * perSecond));
    if (due > at) add(text.slice(at, due));
    at = Math.max(at, due);
  }
}

function watchFrames(): () => Figures {
  const began = performance.now();
  const gaps: number[] = [0];
  let last = began;
  let frames = 0;
  let isOn = true;
  const frame = (): void => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    frames += 1;
    if (isOn) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  return () => {
    isOn = false;
    const wall = performance.now() - began;
    return {
      seconds: wall / 1000,
      frames,
      dropped: Math.max(0, Math.round(wall / FRAME) - frames),
      longestGap: Math.max(...gaps),
    };
  };
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

Object.assign(globalThis, { prepare, measure: () => measured(), end: () => ended(), isRight: () => compared() });
