/**
 * `--insert-code`: a cell for each block of code. JupyterLab itself makes one new cell of a reply, with all blocks in it;
 * here that cell becomes several. They are named in the kernel's word that a cell has ended. It comes once, to the page
 * that ran the cell, and no notebook holds it: nothing is inserted when a notebook is opened or a page is loaded again.
 */

const FIELD = "magistral_nb";
/** So long JupyterLab may take to make its cell, in milliseconds. */
const MADE_WITHIN = 10_000;

// What is used of JupyterLab, by shape, as in inserting.ts.
interface Signal<Sender, Args> {
  connect(hear: (sender: Sender, args: Args) => void): unknown;
  disconnect(hear: (sender: Sender, args: Args) => void): unknown;
}

interface Cell {
  readonly id: string;
  getSource(): string;
  setSource(code: string): void;
}

interface NewCell {
  cell_type: "code";
  source: string;
  metadata: { trusted: false };
}

export interface SharedNotebook {
  readonly cells: readonly Cell[];
  readonly changed: Signal<unknown, unknown>;
  insertCells(index: number, cells: NewCell[]): unknown;
  transact(change: () => void): void;
}

export interface Heard {
  direction: string;
  msg: { header: { msg_type: string }; parent_header: { session?: string }; content: unknown };
}

export interface Kernel {
  readonly clientId: string;
  readonly anyMessage: Signal<Kernel, Heard>;
}

interface SessionContext {
  readonly session?: { readonly kernel?: Kernel | null } | null;
  readonly kernelChanged: Signal<unknown, unknown>;
}

interface Panel {
  readonly sessionContext?: SessionContext;
  readonly context?: { readonly model?: { readonly sharedModel?: Partial<SharedNotebook> } };
}

export interface Shell {
  widgets(area: string): Iterable<unknown>;
  readonly currentChanged?: Signal<unknown, unknown>;
  readonly layoutModified?: Signal<unknown, unknown>;
}

/** Watch all notebooks of the page, now and later. Two views of one notebook count once. */
export function watchNotebooks(shell: Shell): void {
  const known = new WeakSet<SessionContext>();
  const look = (): void => {
    for (const { sessionContext, context } of shell.widgets("main") as Iterable<Panel>) {
      const notebook = context?.model?.sharedModel;
      if (!sessionContext || !notebook?.insertCells || known.has(sessionContext)) continue;
      known.add(sessionContext);
      watchKernels(sessionContext, notebook as SharedNotebook);
    }
  };
  shell.currentChanged?.connect(look);
  shell.layoutModified?.connect(look);
  look();
}

function watchKernels(context: SessionContext, notebook: SharedNotebook): void {
  const hear = (kernel: Kernel, { direction, msg }: Heard): void => {
    if (direction !== "recv" || msg.header.msg_type !== "execute_reply") return;
    const told = msg.parent_header.session === kernel.clientId ? toldIn(msg.content) : undefined;
    if (told) splitWhenMade(notebook, told);
  };
  // A kernel that is here already is not connected twice.
  const look = (): unknown => context.session?.kernel?.anyMessage.connect(hear);
  context.kernelChanged.connect(look);
  look();
}

interface Told {
  /** The source of the one cell that JupyterLab makes. */
  text: string;
  cells: string[];
}

function toldIn(content: unknown): Told | undefined {
  const { payload } = content as { payload?: unknown };
  if (!Array.isArray(payload)) return undefined;
  const next = payload.find((one) => one?.source === "set_next_input" && !one.replace);
  const cells: unknown = next?.[FIELD]?.cells;
  const isFit = Array.isArray(cells) && cells.length > 1 && cells.every((cell) => typeof cell === "string");
  return isFit ? { text: String(next.text), cells } : undefined;
}

/** Cells that are being split: two questions of a run may have had the same answer. */
const taken = new WeakSet<Cell>();

/** If no such cell comes, as in a notebook that was closed, nothing is done. */
function splitWhenMade(notebook: SharedNotebook, told: Told): void {
  const before = new Set(notebook.cells.map(({ id }) => id));
  const look = (): void => {
    const isMade = (cell: Cell): boolean => !before.has(cell.id) && !taken.has(cell) && cell.getSource() === told.text;
    const made = notebook.cells.find(isMade);
    if (!made) return;
    stop();
    taken.add(made);
    queueMicrotask(() => split(notebook, made, told)); // others still hear of this change
  };
  const timer = setTimeout(() => stop(), MADE_WITHIN);
  const stop = (): void => {
    clearTimeout(timer);
    notebook.changed.disconnect(look);
  };
  notebook.changed.connect(look);
}

function split(notebook: SharedNotebook, made: Cell, { cells: [first = "", ...rest] }: Told): void {
  const index = notebook.cells.findIndex(({ id }) => id === made.id);
  if (index === -1) return;
  notebook.transact(() => {
    made.setSource(first);
    const fresh = rest.map((source): NewCell => ({ cell_type: "code", source, metadata: { trusted: false } }));
    notebook.insertCells(index + 1, fresh);
  });
}
