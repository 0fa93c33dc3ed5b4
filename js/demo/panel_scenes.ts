/** Chat panels in every state in which a reader may see one. */

import richAnswer from "../../tests/data/rich_answer.md";
import richThinking from "../../tests/data/rich_thinking.md";
import { readTurn, type Settings, type Turn } from "../src/core/panel_protocol.js";
import { PanelState } from "../src/core/panel_state.js";
import { emptyReply, type ReplyData, type ReplyEvent } from "../src/core/protocol.js";
import type { PanelDoor, PanelFacts } from "../src/view/panel/door.js";

export interface PanelScene {
  turns?: Turn[];
  live?: ReplyEvent[];
  question?: string;
  facts?: Partial<PanelFacts>;
  /** Press what has this name, once it is drawn. */
  press?: string;
  /** Leave the conversation at its beginning. */
  atTop?: boolean;
}

const SETTINGS: Settings = {
  endpoint: "campus",
  model: "magistral-small-2509",
  keep_thinking: "none",
  system: "default",
  instructions: "Answer as a patient tutor of mathematics: ask before you tell.",
  temperature: 0.7,
  top_p: 0.95,
  max_tokens: 40_960,
  seed: null,
};

export const FACTS: PanelFacts = {
  busy: false,
  disabled: false,
  settings: SETTINGS,
  choices: {
    endpoints: [
      { name: "campus", description: "vLLM of the computing centre", ready: true, why: "" },
      { name: "mistral", description: "Mistral's own", ready: false, why: "MISTRAL_API_KEY is not set." },
    ],
    models: ["magistral-small-2507", "magistral-small-2509"],
    models_error: "",
  },
  meter: {
    used: 6_214,
    limit: 40_960,
    exact: true,
    tokens: { prompt: 4_100, completion: 2_114, reasoning: 1_240 },
    cost: 0.0124,
    budget: { spent: 0.0124, limit: 0.5, unit: "usd", text: "$0.012 of $0.50 spent" },
  },
  welcome: {
    endpoint: "campus",
    why: "It is the only endpoint in your settings.",
    examples: [
      "Why does the sum of the first n odd numbers equal n²?",
      "Find the bug: def mean(xs): return sum(xs) / len(xs) - 1",
      "Is 2,147,483,647 prime? Show how you know.",
    ],
    help: null,
  },
  connection: "there",
};

const REPLY: Partial<ReplyData> = {
  model: "magistral-small-2509",
  endpoint: "campus",
  finish_reason: "stop",
  complete: true,
  seconds: 48.2,
  thinking_seconds: 12.3,
  usage: { type: "usage", prompt_tokens: 214, completion_tokens: 1893, reasoning_tokens: 1240, cost: 0.0031, at: 48.2 },
};

function turn(id: number | null, text: string, reply: Partial<ReplyData> | null, more: Partial<Turn> = {}): Turn {
  return { ...readTurn({ id, text, ...more }), reply: reply && { ...emptyReply(), ...REPLY, ...reply }, ...more };
}

const SHORT = turn(1, "What is the capital of France?", {
  answer: "The capital of France is **Paris**, on the Seine.",
  thinking: "Easy.",
  thinking_seconds: 0.4,
  seconds: 1.2,
});
const CODE = turn(
  2,
  "Show me three ways to add the odd numbers up to 19 in Python.",
  {
    thinking: "A loop, a sum, and the formula.",
    answer:
      "Three ways, from slow to quick:\n\n```python\ntotal = 0\nfor n in range(1, 20, 2):\n    total += n\n```\n\n```python\ntotal = sum(range(1, 20, 2))\n```\n\nand, because the sum of the first \\(n\\) odd numbers is \\(n^2\\):\n\n```python\ntotal = 10 ** 2\n```\n",
  },
  { branch: { at: 2, of: 3 } },
);
const RICH = turn(3, "Why does the sum of the first n odd numbers equal n²?", {
  thinking: richThinking,
  answer: richAnswer,
});
const FAILED = turn(null, "And the first n even ones?", null, {
  state: "failed",
  error: {
    kind: "MissingKeyError",
    message: "There is no key for the endpoint mistral.",
    hint: "Set MISTRAL_API_KEY before you start Jupyter, or choose another endpoint in the settings.",
  },
});
const CUT = turn(
  4,
  "Prove it by induction.",
  {
    thinking: richThinking,
    answer: "Let me begin with the **first** case, where \\(n = 1\\). Then",
    finish_reason: "length",
    usage: { type: "usage", prompt_tokens: 214, completion_tokens: 4096, at: 60 },
  },
  { state: "length", can_continue: true },
);
const RTL = turn(1, "מהו סכום המספרים האי־זוגיים הראשונים?", {
  thinking: "המשתמש שואל על סכום.",
  answer:
    "הסכום של \\(n\\) המספרים הראשונים הוא \\(n^2\\), ומחירו של כרטיס הוא $5.\n\n1. כותבים את הסכום פעמיים\n2. מחלקים בשניים",
});
const LONG = Array.from({ length: 60 }, (_, at) =>
  at % 3 === 1
    ? { ...CODE, id: at, text: `${CODE.text} (${at + 1})`, branch: { at: 1, of: 1 } }
    : { ...SHORT, id: at, text: `${SHORT.text} (${at + 1})` },
);
const STREAM: ReplyEvent[] = [
  { type: "started", model: "magistral-small-2509", endpoint: "campus", at: 0 },
  { type: "thinking.delta", text: richThinking, at: 0.6 },
  { type: "answer.delta", text: richAnswer.slice(0, 700), at: 12.9 },
];

export const PANELS: Readonly<Record<string, PanelScene>> = {
  "panel-empty": {},
  "panel-no-key": {
    facts: {
      settings: { ...SETTINGS, endpoint: null, model: null, instructions: null },
      meter: null,
      welcome: {
        endpoint: "",
        why: "",
        examples: FACTS.welcome?.examples ?? [],
        help: "No endpoint is set up yet. Set MISTRAL_API_KEY, start a server on this machine, or try the built-in model: %magistral use demo",
      },
    },
  },
  "panel-talk": { turns: [SHORT, CODE] },
  "panel-long": { turns: [...LONG, RICH] },
  "panel-up": { turns: [...LONG, RICH], atTop: true },
  "panel-stream": { turns: [SHORT], live: STREAM, question: RICH.text, facts: { busy: true } },
  "panel-error": { turns: [SHORT, FAILED] },
  "panel-cut": { turns: [SHORT, CUT] },
  "panel-edit": { turns: [SHORT, CODE], press: "Edit this question" },
  "panel-settings": { turns: [SHORT], press: "Settings" },
  "panel-prompt": { turns: [SHORT], press: "Show the prompt" },
  "panel-menu": { turns: [SHORT], press: "Export" },
  "panel-lost": { turns: [SHORT, CODE], facts: { connection: "lost" } },
  "panel-away": { turns: [SHORT], facts: { connection: "away" } },
  "panel-disabled": { turns: [SHORT], facts: { disabled: true } },
  "panel-rtl": { turns: [RTL] },
};

const PROMPT = {
  parts: [
    ["control", "<s>[SYSTEM_PROMPT]"],
    ["text", "First draft your thinking process (inner monologue) until you arrive at a response."],
    ["control", "[/SYSTEM_PROMPT][INST]"],
    ["text", "What is the capital of France? <script>alert(1)</script>"],
    ["control", "[/INST]"],
  ],
  tokens: 41,
  exact: true,
  text: "41 tokens",
};

/** A door to nobody, that stands still. */
export function demoDoor({ turns = [], live, question = "", facts = {} }: PanelScene): PanelDoor {
  const state = new PanelState();
  state.turns = structuredClone(turns);
  if (live) {
    state.add({ type: "live", index: turns.length, text: question, reply_id: "r", reply: null, seen: 0 });
    state.add({ type: "events", reply_id: "r", seq: 0, events: live });
  }
  return {
    id: "demo",
    state,
    facts: () => ({ ...FACTS, ...facts }),
    onFacts: () => () => {},
    wish: async (wish) => (wish.type === "prompt" ? PROMPT : null),
    stop: () => {},
    resumeLine: () => 'from magistral_nb import ChatPanel; ChatPanel.resume("eyJ0dXJucyI6W119").show()',
    resume: () => true,
    aside: () => null,
    canInsert: true,
  };
}
