/** What is streamed: from empty, at the end of a long reply, and into one large block of each hard kind. */

import rich from "../../tests/data/rich_answer.md";

export interface Streamed {
  before: string;
  text: string;
  perSecond: number;
}

export type What = "empty" | "tail" | "list" | "formulas" | "fence" | "panel";

const AT_FULL_SPEED = 16_000;
const AS_A_MODEL_WRITES = 800;

function repeated(piece: (turn: number) => string, length: number): string {
  let text = "";
  for (let turn = 0; text.length < length; turn++) text += piece(turn);
  return text.slice(0, length);
}

const long = (length: number): string => repeated((turn) => `## Part ${turn}\n\n${rich}\n\n`, length);

function inOneBlock(piece: (turn: number) => string, opening = ""): Streamed {
  const whole = opening + repeated(piece, 40_000);
  return { before: whole.slice(0, 32_000), text: whole.slice(32_000), perSecond: AS_A_MODEL_WRITES };
}

export const TEXTS: Readonly<Record<What, () => Streamed>> = {
  empty: () => ({ before: "", text: long(160_000), perSecond: AT_FULL_SPEED }),
  tail: () => {
    const whole = long(160_000);
    return { before: whole.slice(0, 150_000), text: whole.slice(150_000), perSecond: AS_A_MODEL_WRITES };
  },
  panel: () => ({ before: "", text: long(4_000), perSecond: AS_A_MODEL_WRITES }),
  list: () =>
    inOneBlock((turn) => `- item **${turn}** with \`code\` and \\(x_{${turn}}^2\\), and some more words to read\n`),
  formulas: () => inOneBlock((turn) => `so \\(a_{${turn}} + b^{${turn % 7}} = \\frac{1}{${turn + 2}}\\) and then `),
  fence: () => inOneBlock((turn) => `value_${turn} = compute(${turn}, name="x${turn}")  # a line\n`, "```python\n"),
};
