import type { Log, LogFields } from '../../src/ports/log.js';

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** Keeps the lines, for tests that look at them. */
export class MemoryLog implements Log {
  readonly lines: { level: string; fields: LogFields; message: string }[] = [];
  info = (fields: LogFields, message: string) => void this.lines.push({ level: 'info', fields, message });
  warn = (fields: LogFields, message: string) => void this.lines.push({ level: 'warn', fields, message });
  error = (fields: LogFields, message: string) => void this.lines.push({ level: 'error', fields, message });
}
