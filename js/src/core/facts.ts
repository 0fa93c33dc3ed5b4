/** What there is to say about a reply besides its text. The twin of `magistral_nb/rendering/facts.py`. */

import { dollars, fixed, grouped, roundHalfEven } from "./numbers.js";
import type { ReplyData } from "./protocol.js";

const ENDED: Readonly<Record<string, string>> = {
  interrupted: "stopped by you",
  content_filter: "stopped by the server's content filter",
  budget: "stopped by your budget",
};

/** Return a time as a reader says it; `whole` leaves tenths out, for a clock that runs. */
export function duration(seconds: number, whole = false): string {
  const tenths = Number(fixed(seconds, 1));
  if (!whole && tenths < 10) return `${fixed(seconds, 1)} s`;
  const all = whole ? Math.floor(seconds) : roundHalfEven(seconds);
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  const rest = all % 60;
  const parts = [hours ? `${hours} h` : "", minutes ? `${minutes} min` : "", rest && !hours ? `${rest} s` : ""];
  return parts.filter(Boolean).join(" ") || "0 s";
}

/** Return the heading of the thinking: "Thought for 12 s", or "Thought" where no time was observed. */
export function thought(seconds: number | null): string {
  return isTime(seconds) ? `Thought for ${duration(seconds)}` : "Thought";
}

/** Return what a reader must know before reading: a demonstration model, or a recording. */
export function badges(reply: ReplyData): string[] {
  const told = reply.notices.filter((notice) => notice.code === "demonstration").map((notice) => notice.text);
  if (reply.recorded) told.push(`Recorded on ${reply.recorded}: played back, no model was asked`);
  return told;
}

/** Return all other notices. */
export function warnings(reply: ReplyData): string[] {
  return reply.notices.filter((notice) => notice.code !== "demonstration").map((notice) => notice.text);
}

/** Return the functions that the model asks for, one `name(arguments)` each. */
export function wishes(reply: ReplyData): string[] {
  return reply.tool_calls.map((call) => `${call.name}(${call.arguments})`);
}

/** Say why there is nothing to read, or "" if there is an answer or a function to call. */
export function missingAnswer(reply: ReplyData): string {
  if (reply.answer.trim() || reply.tool_calls.length) return "";
  if (reply.thinking.trim()) return "No answer: the reply ended while the model was still thinking.";
  return "No answer: the model wrote nothing.";
}

/** Say how the reply ended, or "" if it ended as replies do. */
export function unusualEnd(reply: ReplyData): string {
  if (reply.finish_reason === "length") {
    const tokens = reply.usage?.completion_tokens;
    return `cut off${tokens ? ` at ${grouped(tokens)} tokens` : ""}: raise max_tokens`;
  }
  if (reply.finish_reason === "unknown" && !reply.complete) return "the reply did not end in order";
  return ENDED[reply.finish_reason] ?? "";
}

/** Return who answered and what it took: model, endpoint, tokens, speed, cost, time. */
export function footer(reply: ReplyData): string[] {
  const { usage, seconds } = reply;
  const written = usage?.completion_tokens;
  const cost = usage?.cost;
  const who = reply.recorded ? `recorded ${reply.recorded} with ${reply.model}` : reply.model;
  const facts = [who, reply.endpoint];
  const about = usage?.estimated ? "about " : "";
  if (usage) facts.push(`${about}${grouped(usage.prompt_tokens ?? 0)} + ${grouped(written ?? 0)} tokens`);
  if (written && isTime(seconds)) facts.push(`${speed(written / seconds)} tokens/s`);
  if (cost !== null && cost !== undefined) facts.push(about + dollars(cost));
  if (isTime(seconds)) facts.push(duration(seconds));
  return facts.filter(Boolean);
}

function isTime(seconds: number | null): seconds is number {
  return Number(fixed(seconds ?? 0, 1)) > 0;
}

function speed(tokensPerSecond: number): string {
  return tokensPerSecond < 10 ? fixed(tokensPerSecond, 1) : grouped(roundHalfEven(tokensPerSecond));
}
