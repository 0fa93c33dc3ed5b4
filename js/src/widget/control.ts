/** The comm that a page opens to a kernel: what comes on it is heard while a cell runs. One for each kernel. */

import { CONTROL_TARGET, type Comm, type Kernel } from "./kernel.js";

const controls = new WeakMap<Kernel, Promise<Comm | undefined>>();

/** Return the comm once it is open, for what is sent on it before is lost; or nothing where a page cannot have one. */
export async function controlComm(kernel: Kernel | undefined): Promise<Comm | undefined> {
  if (!kernel?.createComm) return undefined;
  const known = controls.get(kernel);
  const comm = await known;
  if (comm && !comm.isDisposed) return comm;
  if (controls.get(kernel) === known) controls.set(kernel, open(kernel, kernel.createComm.bind(kernel)));
  return controls.get(kernel);
}

async function open(kernel: Kernel, createComm: (target: string) => Comm): Promise<Comm | undefined> {
  try {
    const comm = createComm(CONTROL_TARGET);
    await comm.subshellStarted;
    comm.open({});
    return comm;
  } catch {
    controls.delete(kernel);
    return undefined; // the widget's own comm remains
  }
}
