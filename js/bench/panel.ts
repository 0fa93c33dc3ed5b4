/** A long conversation with one answer streaming: ours, and the usual way, which renders all of it again at every message. */

import rich from "../../tests/data/rich_answer.md";
import { readTurn, type Turn } from "../src/core/panel_protocol.js";
import { PanelState } from "../src/core/panel_state.js";
import { PanelView } from "../src/view/panel/panel.js";
import { addStyle } from "../src/view/style.js";
import { usualParser } from "./whole.js";

const TURNS = 200;
const LENGTH = 2_000;

function turns(): Turn[] {
  const text = `${rich}\n\n`.repeat(Math.ceil(LENGTH / rich.length) + 1);
  return Array.from({ length: TURNS }, (_, at) =>
    readTurn({
      id: at + 1,
      text: `Question ${at + 1}?`,
      reply: { v: 1, answer: text.slice(0, LENGTH), thinking: "", finish_reason: "stop", complete: true },
    }),
  );
}

/** Our panel. */
export function panelOurs(host: HTMLElement): (more?: string) => void {
  addStyle(host);
  const state = new PanelState();
  state.turns = turns();
  new PanelView(host, {
    id: "bench",
    state,
    facts: () => ({
      busy: state.live !== null,
      disabled: false,
      settings: null,
      choices: null,
      meter: null,
      welcome: null,
      connection: "there",
    }),
    onFacts: () => () => {},
    wish: async () => null,
    stop: () => {},
    resumeLine: () => "",
    resume: () => false,
    canInsert: false,
  });
  state.add({ type: "live", index: TURNS, text: "And now?", reply_id: "r", reply: null, seen: 0 });
  let seq = 0;
  return (more = "") => {
    const events = [{ type: "answer.delta" as const, text: more, at: 0 }];
    state.add({ type: "events", reply_id: "r", seq: seq++, events });
  };
}

/** All of it again, with the same three libraries. */
export function panelWhole(host: HTMLElement): (more?: string) => void {
  addStyle(host);
  const parser = usualParser();
  const said = turns();
  const box = host.appendChild(document.createElement("div"));
  box.className = "magistral magistral-reply";
  let text = "";
  return (more = "") => {
    text += more;
    const all = said.map((turn) => `<p>${turn.text}</p>${parser.render(turn.reply?.answer ?? "")}`);
    box.innerHTML = `${all.join("")}<p>And now?</p>${parser.render(text)}`;
    host.scrollTop = host.scrollHeight;
  };
}
