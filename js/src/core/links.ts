/** Where a link leads, and whether it may be followed. The twin of `link_target` in `magistral_nb/rendering/elements.py`. */

const WEB = /^https?:\/\/((?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?)(?=[/?#]|$)/i;
const MAIL = /^mailto:([^@\s?#]+@[a-z0-9.-]+)(?=[?]|$)/i;

/**
 * Return what a reader should know of a link: its host, or its mail address; "" if it may not be followed.
 *
 * Addresses with a name before the host (`https://bank.example@evil.example`) are refused.
 */
export function linkTarget(url: string): string {
  const host = (WEB.exec(url) ?? MAIL.exec(url))?.[1] ?? "";
  try {
    return decodeURIComponent(host);
  } catch {
    return host;
  }
}

export function isWeb(url: string): boolean {
  return WEB.test(url);
}

/** Tell whether a link's text is just where it leads, in full or as the bare host. */
export function saysTarget(shown: string, url: string): boolean {
  const words = bare(shown.trim());
  return words !== "" && [bare(url), linkTarget(url), bare(url.split("://", 2)[1] ?? "")].includes(words);
}

function bare(url: string): string {
  return url.replace(/\/+$/, "");
}
