import { describe, expect, test } from "vitest";
import * as facts from "../src/core/facts.js";
import { markdown } from "../src/core/markdown.js";
import type { ReplyData, ReplyEvent } from "../src/core/protocol.js";
import { plain } from "../src/core/text.js";
import { Transcript } from "../src/core/transcript.js";
import { cases } from "./files.js";
import { type Normal, normal } from "./normal.js";

interface MarkdownCase {
  name: string;
  text: string;
  shows: Normal[];
}

for (const file of ["formulas", "hostile", "elements", "rich"]) {
  describe(`Markdown shows the same as in Python: ${file}`, () => {
    test.each(cases<MarkdownCase>(`contract/markdown/${file}.json`))("$name", ({ text, shows }) => {
      expect(normal(markdown(text))).toEqual(shows);
    });
  });
}

interface ReplyCase {
  name: string;
  events: ReplyEvent[];
  reply: ReplyData;
  told: Record<string, unknown>;
}

describe("events make the same reply as in Python", () => {
  test.each(cases<ReplyCase>("contract/replies.json"))("$name", ({ events, reply }) => {
    const transcript = new Transcript();
    for (const event of events) transcript.add(event);
    expect(transcript.reply).toEqual(reply);
  });
});

describe("the same is said of a reply as in Python", () => {
  test.each(cases<ReplyCase>("contract/replies.json"))("$name", ({ reply, told }) => {
    expect({
      thought: facts.thought(reply.thinking_seconds),
      badges: facts.badges(reply),
      warnings: facts.warnings(reply),
      wishes: facts.wishes(reply),
      missing_answer: facts.missingAnswer(reply),
      unusual_end: facts.unusualEnd(reply),
      footer: facts.footer(reply),
    }).toEqual(told);
  });
});

test.each(cases<{ seconds: number; said: string; whole: string }>("contract/durations.json"))(
  "$seconds s are said the same",
  ({ seconds, said, whole }) => {
    expect([facts.duration(seconds), facts.duration(seconds, true)]).toEqual([said, whole]);
  },
);

test("what cannot be seen is shown the same", () => {
  for (const { text, shown } of cases<{ text: string; shown: string }>("contract/text.json")) {
    expect(plain(text)).toBe(shown);
  }
});
