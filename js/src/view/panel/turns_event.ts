/** The event by which a panel tells the page around it what is said now; it bubbles, and whoever keeps notebooks may listen. */

import type { Turn } from "../../core/panel_protocol.js";

export const TURNS_EVENT = "magistral-turns";

export interface TurnsDetail {
  turns: readonly Turn[];
}
