/** What kernel and page say to each other of a chat panel; see README.md. */

import { type ReplyData, type ReplyEvent, readReply } from "./protocol.js";

export const PANEL_MIME = "application/vnd.magistral.panel.v1+json";

export interface Problem {
  kind?: string;
  message: string;
  hint?: string;
}

/** One question and its reply. `id` is null where the question was never sent. */
export interface Turn {
  id: number | null;
  parent: number | null;
  text: string;
  /** What was asked, where that is more than the reader's text. */
  asked?: unknown;
  reply: ReplyData | null;
  error: Problem | null;
  state: string;
  branch: { at: number; of: number };
  can_continue: boolean;
}

export interface Settings {
  endpoint: string | null;
  model: string | null;
  keep_thinking: "none" | "last" | "all" | null;
  /** `default`, a text, or null for none; `""` is how none is asked for. */
  system: string | null;
  instructions: string | null;
  temperature: number | null;
  top_p: number | null;
  max_tokens: number | null;
  seed: number | null;
}

export interface Choices {
  endpoints: { name: string; description: string; ready: boolean; why: string }[];
  models: string[] | null;
  models_error: string;
}

export interface Meter {
  used: number;
  limit: number | null;
  exact: boolean;
  tokens: { prompt: number; completion: number; reasoning: number | null } | null;
  cost: number | null;
  budget: { spent: number; limit: number; unit: string; text: string } | null;
}

export interface Welcome {
  endpoint: string;
  why: string;
  examples: string[];
  help: string | null;
}

export type PanelMessage =
  | { type: "live"; index: number; text: string; reply_id: string; reply: unknown; seen: number }
  | { type: "events"; reply_id: string; seq: number; events: ReplyEvent[] }
  | { type: "patience"; reply_id: string; text: string }
  | { type: "reply"; reply_id: string; seq: number; reply: unknown; live: boolean }
  | { type: "turn"; index: number; turn: unknown; reply_id: string; seq: number }
  | { type: "turns"; from: number; turns: unknown; live: string | null }
  | { type: "result"; op: string; data?: unknown; error?: Problem };

/** What a stored notebook holds of a panel. */
export interface StoredPanel {
  version: string;
  panel_id: string;
  turns: unknown;
  beside?: unknown;
  head?: number | null;
  settings?: Partial<Settings>;
}

const isRecord = (data: unknown): data is Record<string, unknown> => data !== null && typeof data === "object";
const textOf = (data: unknown): string => (typeof data === "string" ? data : "");
const numberOr = <Other>(data: unknown, other: Other): number | Other => (typeof data === "number" ? data : other);

export function readTurns(data: unknown): Turn[] {
  return Array.isArray(data) ? data.map(readTurn) : [];
}

/** Read a turn of whatever make, as far as it is understood. */
export function readTurn(data: unknown): Turn {
  const turn = isRecord(data) ? data : {};
  const branch = isRecord(turn.branch) ? turn.branch : {};
  return {
    id: numberOr(turn.id, null),
    parent: numberOr(turn.parent, null),
    text: textOf(turn.text),
    ...(turn.asked === undefined ? {} : { asked: turn.asked }),
    reply: isRecord(turn.reply) ? readReply(turn.reply) : null,
    error: readProblem(turn.error),
    state: textOf(turn.state) || "whole",
    branch: { at: numberOr(branch.at, 1), of: numberOr(branch.of, 1) },
    can_continue: turn.can_continue === true,
  };
}

export function readProblem(data: unknown): Problem | null {
  if (!isRecord(data)) return null;
  return { kind: textOf(data.kind), message: textOf(data.message), hint: textOf(data.hint) };
}
