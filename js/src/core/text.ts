/** Text that is safe to show: what a reader could not see becomes visible. The twin of `magistral_nb/rendering/text.py`. */

// A variation selector after an emoji is how emoji are written; one after another is how data is hidden.
const SELECTORS = "\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}";
// So it is with soft hyphens, joiners and marks of direction: languages need one at a time, and joiners not in Latin.
const MARKS = "\\u00ad\\u061c\\u200c-\\u200f";
const UNSEEN = new RegExp(
  "[" +
    "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f" + // control characters; newline and tab stay
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2064\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb" +
    "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}" + // no width, or a line break of their own
    "\\u202a-\\u202e\\u2066-\\u206f" + // turn the direction of the text that follows
    "\\u{d800}-\\u{dfff}\\ufdd0-\\ufdef\\ufffe\\uffff" + // half a character, or none
    "\\u{e0000}-\\u{e00ff}\\u{e01f0}-\\u{e0fff}" + // tags: a whole message can be hidden in them
    `]|(?<=[${SELECTORS}])[${SELECTORS}]|(?<=[A-Za-z])[${SELECTORS}]` +
    `|(?<=[${MARKS}])[${MARKS}]|(?<=[A-Za-z0-9])[\\u200c\\u200d](?=[A-Za-z0-9])`,
  "gu",
);
// The flags of England, Scotland and Wales are spelled with tags, and are the only ones that should be.
const FLAGS =
  /\u{1f3f4}(?:\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073}))\u{e007f}/gu;
const CLEAN =
  /^[\n\t\u0020-\u007e\u00a0-\u00ac\u00ae-\u017f\u0370-\u058f\u0590-\u061b\u0620-\u06ff\u3000-\u3163\u3165-\u9fff]*$/;

/** Return the text with every control, direction and tag character made visible; CR LF becomes a newline. */
export function plain(text: string): string {
  if (CLEAN.test(text)) return text;
  const lines = text.replaceAll("\r\n", "\n");
  let shown = "";
  let end = 0;
  for (const flag of lines.matchAll(FLAGS)) {
    shown += lines.slice(end, flag.index).replace(UNSEEN, name) + flag[0];
    end = flag.index + flag[0].length;
  }
  return shown + lines.slice(end).replace(UNSEEN, name);
}

function name(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `⟨U+${code.padStart(4, "0")}⟩`;
}
