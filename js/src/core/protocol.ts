/** The wire forms that kernel and page share: the events of `magistral_nb/events.py`, and `Reply.to_dict()`. */

export const REPLY_MIME = "application/vnd.magistral.reply.v1+json";

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "interrupted" | "budget" | "unknown";

export interface Started {
  type: "started";
  model: string;
  endpoint: string;
  recorded?: string | null;
  at: number;
}

/** Nothing has come yet, and why; `seconds` is how long this wait will last, or 0 where nobody knows. */
export interface Waiting {
  type: "waiting";
  why: string;
  seconds?: number;
  text?: string;
  progress?: number | null;
  at: number;
}

export interface Delta {
  type: "thinking.delta" | "answer.delta";
  text: string;
  at: number;
}

/** All answer text so far was thinking: its opening tag stood in the prompt. */
export interface Reclassified {
  type: "reclassified";
  at: number;
}

export interface ToolCall {
  type: "tool_call";
  id: string;
  name: string;
  arguments: string;
  at: number;
}

export interface Usage {
  type: "usage";
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens?: number | null;
  cost?: number | null;
  /** The counts are our own: of a reply that ended before the server counted. */
  estimated?: boolean;
  at: number;
}

export interface Notice {
  type: "notice";
  code: string;
  text: string;
  at: number;
}

export interface Done {
  type: "done";
  finish_reason: FinishReason;
  raw?: string | null;
  request_id?: string | null;
  at: number;
}

export interface Failed {
  type: "failed";
  kind: string;
  message: string;
  hint?: string;
  request_id?: string | null;
  at: number;
}

export type ReplyEvent = Started | Waiting | Delta | Reclassified | ToolCall | Usage | Notice | Done | Failed;

/** A reply as it is stored in a notebook: version 1. */
export interface ReplyData {
  v: 1;
  thinking: string;
  answer: string;
  tool_calls: ToolCall[];
  parsed: unknown;
  finish_reason: FinishReason;
  complete: boolean;
  usage: Usage | null;
  seconds: number;
  thinking_seconds: number | null;
  model: string;
  endpoint: string;
  request_id: string | null;
  recorded: string | null;
  notices: Notice[];
}

const EMPTY: Omit<ReplyData, "tool_calls" | "notices"> = {
  v: 1,
  thinking: "",
  answer: "",
  parsed: null,
  finish_reason: "unknown",
  complete: false,
  usage: null,
  seconds: 0,
  thinking_seconds: null,
  model: "",
  endpoint: "",
  request_id: null,
  recorded: null,
};

export function emptyReply(): ReplyData {
  return { ...EMPTY, tool_calls: [], notices: [] };
}

/** Read a stored reply: what is missing or of another kind than version 1 says becomes what an empty reply has. */
export function readReply(data: unknown): ReplyData {
  const reply = emptyReply() as unknown as Record<string, unknown>;
  if (data === null || typeof data !== "object") return emptyReply();
  for (const [key, value] of Object.entries(data)) {
    if (key in reply && fits(reply[key], value, key)) reply[key] = value;
  }
  return reply as unknown as ReplyData;
}

const NUMBERS = new Set(["thinking_seconds"]);
const OBJECTS = new Set(["usage"]);

function fits(standard: unknown, value: unknown, key: string): boolean {
  if (key === "parsed" || value === null) return key === "parsed" || standard === null;
  if (Array.isArray(standard)) return Array.isArray(value) && value.every((one) => one && typeof one === "object");
  if (standard !== null) return typeof value === typeof standard;
  return typeof value === (NUMBERS.has(key) ? "number" : OBJECTS.has(key) ? "object" : "string");
}
