// The part of a widget's model that the views use (anywidget gives it).

export interface Model {
  get(trait: string): unknown;
  set(trait: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...given: never[]) => void): void;
  off(event: string, callback: (...given: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

/** A message between a view and its widget in the kernel. `view` says which of several views is meant. */
export interface Message {
  kind: string;
  view?: string;
  [field: string]: unknown;
}
