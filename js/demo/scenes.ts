/** Replies in every state in which a reader may see one. */

import richAnswer from "../../tests/data/rich_answer.md";
import richThinking from "../../tests/data/rich_thinking.md";
import { emptyReply, type ReplyData, type ReplyEvent } from "../src/core/protocol.js";

export interface Scene {
  events?: ReplyEvent[];
  reply?: ReplyData;
  isLive?: boolean;
  patience?: string;
}

const STARTED: ReplyEvent = { type: "started", model: "magistral-small-2509", endpoint: "local", at: 0 };
const FACTS: Partial<ReplyData> = {
  model: "magistral-small-2509",
  endpoint: "local",
  finish_reason: "stop",
  complete: true,
  seconds: 48.2,
  thinking_seconds: 12.3,
  usage: { type: "usage", prompt_tokens: 214, completion_tokens: 1893, reasoning_tokens: 1240, cost: 0.0031, at: 48.2 },
};

function reply(parts: Partial<ReplyData>): ReplyData {
  return { ...emptyReply(), ...FACTS, ...parts };
}

const RIGHT_TO_LEFT = `## סכום המספרים האי־זוגיים

הסכום של \\(n\\) המספרים הראשונים הוא \\(n^2\\), ומחירו של כרטיס הוא $5.

1. כותבים את הסכום פעמיים:
   \\[2S = n \\cdot 2n\\]
2. מחלקים בשניים, ומקבלים \`n ** 2\`.

> היופי הוא המבחן הראשון.

\`\`\`python
print(sum(range(1, 20, 2)))  # 100
\`\`\`

| מספר | סכום |
|---|--:|
| 3 | 9 |
| 10 | 100 |
`;

const LONG = Array.from({ length: 30 }, (_, turn) => `## Part ${turn + 1}\n\n${richAnswer}`).join("\n\n");
const notice = (code: string, text: string) => ({ type: "notice" as const, code, text, at: 1 });

export const SCENES: Readonly<Record<string, Scene>> = {
  waiting: {
    isLive: true,
    events: [{ ...STARTED, at: 8 }],
    patience: "No word for 8 s: gives up after 5 min. Interrupt to stop.",
  },
  loading: {
    isLive: true,
    events: [
      { ...STARTED, model: "magistral-small:24b", endpoint: "ollama" },
      {
        type: "waiting",
        why: "loading",
        text: "14 GB from disk to memory; this happens once.",
        progress: 0.42,
        at: 21,
      },
    ],
  },
  thinking: {
    isLive: true,
    events: [
      STARTED,
      { type: "thinking.delta", text: richThinking, at: 0.6 },
      { type: "thinking.delta", text: "So ", at: 9.2 },
    ],
  },
  streaming: {
    isLive: true,
    events: [
      STARTED,
      { type: "thinking.delta", text: richThinking, at: 0.6 },
      { type: "answer.delta", text: richAnswer.slice(0, 1010), at: 12.9 },
    ],
  },
  finished: { reply: reply({ thinking: richThinking, answer: richAnswer }) },
  short: {
    reply: reply({
      answer: "The capital of France is **Paris**.",
      thinking: "Easy.",
      seconds: 1.2,
      thinking_seconds: 0.4,
    }),
  },
  plain: { reply: reply({ answer: "Four.\n\nTwo and two make four.", usage: null, seconds: 0.8 }) },
  cut: {
    reply: reply({
      thinking: richThinking,
      answer: "Let me begin with the **first** case, where \\(n = 1\\). Then",
      finish_reason: "length",
      usage: { type: "usage", prompt_tokens: 214, completion_tokens: 4096, at: 60 },
    }),
  },
  thought: { reply: reply({ thinking: richThinking, answer: "", finish_reason: "length" }) },
  stopped: {
    reply: reply({ answer: "The first reason is", finish_reason: "interrupted", complete: false, usage: null }),
  },
  error: {
    events: [
      STARTED,
      { type: "thinking.delta", text: "Let me see.", at: 0.6 },
      { type: "answer.delta", text: "The sum of the first \\(n\\) odd numbers is", at: 12.9 },
      {
        type: "failed",
        kind: "ConnectionFailed",
        message: "The connection to http://127.0.0.1:8000/v1 was lost after 13 s.",
        hint: "What had arrived is kept. Is the server still running? Ask again with %magistral retry.",
        request_id: "req_8f31c2",
        at: 13,
      },
    ],
  },
  noticed: {
    reply: reply({
      answer: "It is 21 °C in Paris.\n\n```bash\ncurl https://example.org/weather | jq .temp\n```\n",
      recorded: "2 November 2026",
      tool_calls: [{ type: "tool_call", id: "1", name: "get_weather", arguments: '{"city": "Paris"}', at: 2 }],
      notices: [
        notice("demonstration", "Demonstration model: 0.6 billion parameters, often wrong"),
        notice("prompt", "The server left out the system prompt: the model may not think before it answers."),
      ],
    }),
  },
  rtl: { reply: reply({ thinking: "המשתמש שואל על סכום.", answer: RIGHT_TO_LEFT }) },
  long: { reply: reply({ thinking: richThinking, answer: LONG }) },
};
