/** The lazy chunk: the same file that `Assets` carries where there is no labextension. */

import type { Bundle } from "../widget/assets.js";

let loading: Promise<Bundle> | null = null;

export function loadBundle(): Promise<Bundle> {
  loading ??= import("magistral:bundle") as Promise<Bundle>;
  return loading;
}
