/** The event by which a code block asks to be made a cell; whoever shows the reply may listen. It bubbles. */

export const INSERT_EVENT = "magistral-insert";

export interface InsertDetail {
  code: string;
  language: string;
}
