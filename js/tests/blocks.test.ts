import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GrowingText } from "../src/core/blocks.js";
import { markdown } from "../src/core/markdown.js";
import { same, type Tree } from "../src/core/tree.js";
import { cases, shared } from "./files.js";
import { normal } from "./normal.js";

const TEXTS = [
  shared("data/rich_answer.md"),
  shared("data/rich_thinking.md"),
  ...["formulas", "hostile", "elements"].flatMap((file) =>
    cases<{ text: string }>(`contract/markdown/${file}.json`).map((one) => one.text),
  ),
];

function grown(pieces: string[]): { growing: GrowingText; last: Tree[] } {
  const growing = new GrowingText();
  let last: Tree[] = [];
  for (const piece of pieces) {
    growing.add(piece);
    last = growing.picture();
  }
  return { growing, last };
}

function cutAt(text: string, sizes: number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (let turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const SIZES = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
const MARKUP = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "- a\n",
        "- b\n\n",
        "  c\n",
        "1. d\n",
        "> e\n",
        "# f\n",
        "\n",
        "\n\n",
        "```\n",
        "    g\n",
        "---\n",
      ),
      fc.constantFrom(
        "|h|i|\n",
        "|-|-|\n",
        "$x$ ",
        "\\(y\\) ",
        "\\[",
        "\\]",
        "$$\n",
        "**j** ",
        "[k][l]\n",
        "[l]: https://m.n\n",
      ),
      fc.constantFrom(
        "$5 and ",
        "`o` ",
        "* p\n",
        "2) q\n",
        "===\n",
        "\\",
        "`",
        "$",
        "*",
        "<b>",
        "\r\n",
        "🙂",
        "- ",
        "\u202e",
      ),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

describe("a text that grew shows what the whole text shows", () => {
  test("texts as models write them, cut anywhere", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TEXTS), SIZES, (text, sizes) => {
        expect(normal(grown(cutAt(text, sizes)).growing.finish())).toEqual(normal(markdown(text)));
      }),
      { numRuns: Number(process.env.RUNS ?? 150) },
    );
  });

  test("any mixture of marks, cut anywhere", () => {
    fc.assert(
      fc.property(MARKUP, SIZES, (text, sizes) => {
        expect(normal(grown(cutAt(text, sizes)).growing.finish())).toEqual(normal(markdown(text)));
      }),
      { numRuns: Number(process.env.RUNS ?? 300) },
    );
  });

  test("and nearly always without reading it again: all that is closed is right already", () => {
    for (const text of TEXTS.filter((one) => !/\]:/.test(one))) {
      const { growing, last } = grown(cutAt(`${text}\n\nend\n\n`, [7, 3, 11]));
      const whole = markdown(`${text}\n\nend\n\n`);
      const shown = growing.finish();
      expect(normal(last.slice(0, -1))).toEqual(normal(whole.slice(0, last.length - 1)));
      expect(shown.slice(0, -1).every((tree, index) => same(tree, whole[index] as Tree))).toBe(true);
    }
  });
});

test("closed blocks are the same objects from picture to picture", () => {
  const growing = new GrowingText();
  growing.add("# a\n\nb\n\n- c\n- d\n- e");
  growing.picture();
  growing.add("");
  const before = growing.picture();
  growing.add("f\n- g\n- h");
  const after = growing.picture();
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  const [list, grownList] = [before[2], after[2]].map((tree) => (tree?.kind === "element" ? tree.children : []));
  expect(grownList?.[0]).toBe(list?.[0]);
  expect(grownList).toHaveLength(5);
});

describe("what is half typed does not flicker", () => {
  const seen = (text: string) => {
    const growing = new GrowingText();
    return [...text].map((character) => {
      growing.add(character);
      return JSON.stringify(normal(growing.picture()));
    });
  };

  test.each([
    ["a list below a line is never a heading", "Here:\n- one\n- two\n", /h2/],
    ["a rule never makes a heading of a line that a blank line ends", "a\n\n---\n", /h2/],
    ["bold shows no stars", "it is **very bold** indeed", /\*/],
    ["italics show no stars", "it is *rather **bold** here* indeed", /\*/],
    ["code shows no ticks", "call `print(x)` now", /`/],
    ["a formula shows no source", "so \\(x_1 + y\\) and $a^2$ hold", /x_1 \+ y(?!\\)|"[^"]*\$a|\$/],
    ["a display formula shows no list", "So\n\\[\nx\n- y\n# z\n\\]\nend", /"ul|"h1/],
    ["a link shows no address", "see [the proof](https://a.invalid/x) there", /\]\(|\[the/],
    ["a fence shows no ticks", "Try:\n\n```python\nx = 1\n```\n\nend", /`/],
    ["a table shows no bars", "T:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nend", /\|/],
  ])("%s", (_, text, never) => {
    for (const picture of seen(text)) expect(picture).not.toMatch(never);
  });

  test("a price is shown at once", () => {
    const pictures = seen("it costs $5 and more");
    expect(pictures.filter((picture) => picture.includes("$5 and"))).not.toHaveLength(0);
    expect(pictures[13]).toContain("$5 a");
  });
});
