/** Files that Python and TypeScript share. */

import { readFileSync } from "node:fs";

export function shared(path: string): string {
  return readFileSync(new URL(`../../tests/${path}`, import.meta.url), "utf8");
}

export function cases<T>(path: string): T[] {
  return JSON.parse(shared(path)) as T[];
}
