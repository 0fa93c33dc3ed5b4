/** Files that Python and TypeScript share. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export function shared(path: string): string {
  return readFileSync(join(import.meta.dirname, "..", "..", "tests", path), "utf8");
}

export function cases<T>(path: string): T[] {
  return JSON.parse(shared(path)) as T[];
}
