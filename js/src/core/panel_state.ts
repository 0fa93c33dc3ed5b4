/** Messages of the kernel become the state of a chat panel. Several views may show one state. */

import { type PanelMessage, readTurn, readTurns, type Turn } from "./panel_protocol.js";
import { type ReplyEvent, readReply } from "./protocol.js";
import { Transcript } from "./transcript.js";

/** The question that is being answered. It stands after the finished turns. */
export interface LiveTurn {
  text: string;
  replyId: string;
  transcript: Transcript;
  /** How many events are in the transcript. */
  seen: number;
  patience: string;
}

/** What a view hears of. All of it can be read from the state; this says what is new. */
export interface PanelListener {
  /** The finished turns from `from` on are others now, and so may be the live one. */
  turnsChanged(from: number): void;
  liveHeard(events: readonly ReplyEvent[]): void;
  livePatience(text: string): void;
  /** The transcript was replaced as a whole. */
  liveReplaced(): void;
  /** The live turn is the last of the finished ones now. `sameReply`: nothing but the events made its reply. */
  liveEnded(sameReply: boolean): void;
}

/** The kernel's answer to what was missed: everything from this turn on. */
export type AskForWhole = (from: number) => void;

export class PanelState {
  turns: Turn[] = [];
  live: LiveTurn | null = null;
  readonly listeners = new Set<PanelListener>();

  constructor(private readonly askForWhole: AskForWhole = () => {}) {}

  /** Take in the state that a page asks for when it is loaded. */
  start(turns: unknown, live: unknown): void {
    this.turns = readTurns(turns);
    this.live = null;
    if (live !== null && typeof live === "object") {
      const { index, text, reply_id, reply, seen } = live as Record<string, unknown>;
      this.turns.length = Math.min(this.turns.length, Number(index ?? this.turns.length));
      this.live = liveTurn(String(text ?? ""), String(reply_id ?? ""), reply, Number(seen ?? 0));
    }
    this.tell((listener) => listener.turnsChanged(0));
  }

  add(message: PanelMessage): void {
    switch (message.type) {
      case "live":
        this.begin(message);
        break;
      case "turns":
        this.replaceFrom(message.from, readTurns(message.turns), message.live);
        break;
      case "turn":
        this.end(message);
        break;
      default:
        if (message.type !== "result" && message.reply_id === this.live?.replyId) this.hear(message, this.live);
    }
  }

  /** The kernel is gone: what had come stays, as a turn that was broken off. */
  lose(): void {
    const live = this.live;
    if (!live) return;
    this.live = null;
    this.turns.push({ ...brokenTurn(live.text), reply: live.transcript.reply });
    this.tell((listener) => listener.liveEnded(false));
  }

  private begin({ index, text, reply_id, reply, seen }: Extract<PanelMessage, { type: "live" }>): void {
    if (this.live?.replyId === reply_id) {
      if (seen > this.live.seen) this.replaceLive(this.live, reply, seen); // some of it was missed
      return;
    }
    if (index > this.turns.length) this.askForWhole(this.turns.length);
    this.turns.length = Math.min(index, this.turns.length);
    this.live = liveTurn(text, reply_id, reply, seen);
    this.tell((listener) => listener.turnsChanged(this.turns.length));
  }

  /** `live` is the reply that is still coming in. A question that could not be sent ends without a turn of its own. */
  private replaceFrom(from: number, turns: Turn[], live: string | null): void {
    const hasEnded = this.live !== null && this.live.replyId !== live;
    if (hasEnded) this.live = null;
    if (from > this.turns.length) {
      this.askForWhole(this.turns.length);
      return;
    }
    const isNext = from === this.turns.length && turns.length === 1;
    this.turns.splice(from, this.turns.length, ...turns);
    if (hasEnded && isNext && turns[0]?.error) this.tell((listener) => listener.liveEnded(false));
    else this.tell((listener) => listener.turnsChanged(from));
  }

  private end({ index, turn, reply_id, seq }: Extract<PanelMessage, { type: "turn" }>): void {
    const finished = readTurn(turn);
    const live = this.live?.replyId === reply_id ? this.live : null;
    const isHole = index > this.turns.length;
    const isWhole = finished.reply !== null || (live !== null && live.seen === seq) || finished.state === "failed";
    const sameReply = finished.reply === null;
    if (isHole || !isWhole) this.askForWhole(Math.min(index, this.turns.length));
    if (isHole) return;
    const heard = live?.transcript.reply;
    finished.reply ??= heard && (heard.answer || heard.thinking || !finished.error) ? heard : null;
    const before = this.turns.length;
    this.live = null;
    this.turns.splice(index, before, finished);
    if (live && index === before) this.tell((listener) => listener.liveEnded(sameReply));
    else this.tell((listener) => listener.turnsChanged(index));
  }

  private hear(message: Extract<PanelMessage, { type: "events" | "patience" | "reply" }>, live: LiveTurn): void {
    if (message.type === "patience") {
      live.patience = message.text;
      this.tell((listener) => listener.livePatience(message.text));
    } else if (message.type === "reply") {
      this.replaceLive(live, message.reply, message.seq);
    } else if (message.seq > live.seen) {
      this.askForWhole(this.turns.length); // nothing is drawn with a hole
    } else {
      const fresh = message.events.slice(live.seen - message.seq);
      live.seen = Math.max(live.seen, message.seq + message.events.length);
      for (const event of fresh) live.transcript.add(event);
      if (fresh.some((event) => event.type !== "waiting")) live.patience = "";
      if (fresh.length) this.tell((listener) => listener.liveHeard(fresh));
    }
  }

  private replaceLive(live: LiveTurn, reply: unknown, seen: number): void {
    live.transcript = new Transcript(readReply(reply));
    live.seen = seen;
    this.tell((listener) => listener.liveReplaced());
  }

  private tell(hear: (listener: PanelListener) => void): void {
    for (const listener of [...this.listeners]) hear(listener);
  }
}

function liveTurn(text: string, replyId: string, reply: unknown, seen: number): LiveTurn {
  const transcript = reply ? new Transcript(readReply(reply)) : new Transcript();
  return { text, replyId, transcript, seen, patience: "" };
}

function brokenTurn(text: string): Turn {
  const branch = { at: 1, of: 1 };
  return { id: null, parent: null, text, reply: null, error: null, state: "interrupted", branch, can_continue: false };
}
