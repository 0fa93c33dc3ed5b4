/** The usual way, to compare with: at every message the whole text is rendered again, with the same three libraries. */

import hljs from "highlight.js/lib/core";
import katex from "katex";
import Parser from "markdown-it";
import { addFormulas } from "../src/core/formula_rules.js";
import { isDisplay } from "../src/core/formulas.js";
import { addStyle } from "../src/view/style.js";

/** All three libraries in one, as most pages put them together. */
export function usualParser() {
  const highlight = (code: string, language: string): string =>
    hljs.getLanguage(language) ? hljs.highlight(code, { language, ignoreIllegals: true }).value : "";
  const parser = new Parser("commonmark", { html: false, highlight }).enable(["table", "strikethrough"]);
  addFormulas(parser);
  parser.renderer.rules.formula = (tokens, index) => {
    const { content = "", markup = "" } = tokens[index] ?? {};
    return katex.renderToString(content, { displayMode: isDisplay(markup), throwOnError: false, strict: false });
  };
  return parser;
}

export function wholeText(host: HTMLElement): (more?: string) => void {
  addStyle(host);
  const parser = usualParser();
  const box = host.appendChild(document.createElement("div"));
  box.className = "magistral magistral-reply";
  let text = "";
  return (more = "") => {
    const isAtEnd = host.scrollHeight - host.scrollTop - host.clientHeight < 30;
    text += more;
    box.innerHTML = parser.render(text);
    if (isAtEnd) host.scrollTop = host.scrollHeight;
  };
}
