/** Events become a reply: the twin of `Reply.add` in `magistral_nb/replies.py`, held to it by `tests/contract/replies.json`. */

import { emptyReply, type Failed, type ReplyData, type ReplyEvent, type Waiting } from "./protocol.js";

export type Phase = "waiting" | "thinking" | "answering" | "done" | "failed";

/** One reply as it grows: the data to store, and what only matters while it is live. */
export class Transcript {
  readonly reply: ReplyData;
  phase: Phase = "waiting";
  waiting: Waiting | null = null;
  failed: Failed | null = null;
  /** Seconds into the request, of the last event. */
  at = 0;
  thinkingBegan: number | null = null;
  private answerBegan: number | null = null;

  constructor(reply: ReplyData = emptyReply()) {
    this.reply = reply;
    if (reply.answer) this.phase = "answering";
    else if (reply.thinking) {
      this.phase = "thinking";
      if (reply.thinking_seconds !== null) this.thinkingBegan = reply.seconds - reply.thinking_seconds;
    }
    this.at = reply.seconds;
  }

  get isOver(): boolean {
    return this.phase === "done" || this.phase === "failed";
  }

  add(event: ReplyEvent): void {
    const reply = this.reply;
    this.at = Math.max(this.at, event.at ?? 0);
    switch (event.type) {
      case "started":
        reply.model = event.model;
        reply.endpoint = event.endpoint;
        reply.recorded = event.recorded ?? null;
        break;
      case "waiting":
        this.waiting = event;
        break;
      case "thinking.delta":
        this.addThinking(event.text, event.at);
        break;
      case "answer.delta":
        this.addAnswer(event.text, event.at);
        break;
      case "reclassified":
        this.reclassify(event.at);
        break;
      case "tool_call":
        reply.tool_calls.push(event);
        break;
      case "usage":
        reply.usage = event;
        break;
      case "notice":
        reply.notices.push(event);
        break;
      case "done":
        reply.finish_reason = event.finish_reason;
        reply.request_id = event.request_id ?? null;
        reply.complete = event.finish_reason !== "interrupted" && event.finish_reason !== "budget";
        reply.seconds = event.at;
        this.phase = "done";
        break;
      case "failed":
        reply.request_id = event.request_id ?? null;
        reply.seconds = event.at;
        this.failed = event;
        this.phase = "failed";
        break;
      default:
        event satisfies never; // a kernel that is newer than this page may send more
    }
  }

  private addThinking(text: string, at: number): void {
    this.reply.thinking += text;
    this.thinkingBegan ??= at;
    if (this.answerBegan === null) {
      this.observeThinkingUntil(at);
      this.phase = "thinking";
    }
  }

  private addAnswer(text: string, at: number): void {
    this.reply.answer += text;
    this.phase = "answering";
    if (this.answerBegan === null) {
      this.answerBegan = at;
      this.observeThinkingUntil(at);
    }
  }

  private reclassify(at: number): void {
    this.reply.thinking += this.reply.answer;
    this.reply.answer = "";
    this.thinkingBegan = this.answerBegan;
    this.answerBegan = null;
    this.observeThinkingUntil(at);
    if (this.reply.thinking) this.phase = "thinking";
  }

  private observeThinkingUntil(at: number): void {
    if (this.thinkingBegan !== null && at > this.thinkingBegan) this.reply.thinking_seconds = at - this.thinkingBegan;
  }
}
