/** Where a page keeps the bundle: one promise for each version of the package, whoever brought it. */

import type { ReplyEvent } from "../core/protocol.js";
import type { Kernel } from "./kernel.js";

export const ASSETS = Symbol.for("magistral_nb.assets");

/** What the bundle exports; the stub knows it by this only. */
export interface Bundle {
  renderReply(host: HTMLElement, model: ReplyModel): () => void;
  renderStored(host: HTMLElement, data: unknown, id: string): () => void;
  renderSoFar(host: HTMLElement, text: string): () => void;
  renderPanel(host: HTMLElement, model: ReplyModel): () => void;
  renderStoredPanel(host: HTMLElement, data: unknown): () => void;
}

export interface Slot {
  /** Set by the labextension: fetches its lazy chunk. */
  load?: { version: string; get: () => Promise<Bundle> };
  /** By version. Filled by `load`, or by the `Assets` widget. */
  bundles: Map<string, Promise<Bundle>>;
  /** Called when a bundle comes, or a model. */
  heard: Set<() => void>;
  /** The widgets' models of live replies and panels, by their ids. */
  models?: Map<string, ReplyModel & { magistral?: Message[] | undefined }>;
  /** Set by the labextension: tells of the kernel of the document that an element is in, now and when it changes. */
  watchKernel?: WatchKernel;
}

/** `hear` gets null while there is no kernel. Returns what ends it, or null if the element is in no document. */
export type WatchKernel = (near: HTMLElement, hear: (kernel: Kernel | null) => void) => (() => void) | null;

/** The part of anywidget's model that is used here. */
export interface ReplyModel {
  get(name: string): unknown;
  on(name: string, heard: (...args: never[]) => void): void;
  off(name: string, heard: (...args: never[]) => void): void;
  send(message: unknown): void;
  widget_manager?: unknown;
  /** What only the labextension's own models have: a way to a kernel without a comm. */
  kernel?: Kernel;
  tell?(type: string): void;
}

/** What the kernel sends to a live reply; see README.md. */
export type Message =
  | { type: "events"; seq: number; events: ReplyEvent[] }
  | { type: "patience"; text: string }
  | { type: "reply"; seq: number; reply: unknown; live: boolean };
