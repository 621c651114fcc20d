import { pino } from 'pino';
import type { Log } from '../../ports/log.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** JSON lines on standard error, which stays free of a command's own output. */
export function createPinoLog(name: string, level: LogLevel): Log {
  return pino({ name, level, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
}
