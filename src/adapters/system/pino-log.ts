import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Log } from '../../ports/log.js';
import { boundedLog } from './bounded-log.js';
import { systemClock } from './system-clock.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const STANDARD_ERROR = 2;
/** A stack that is longer says no more. */
const ERROR_LENGTH_MAX = 4000;

/**
 * JSON lines on standard error, which stays free of a command's own output. What can't be written is lost: a full disk or a
 * reader that is gone ends nothing.
 */
export function createPinoLog(name: string, level: LogLevel): Log {
  const options = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
  };
  return boundedLog(pino(options, { write: writeIfPossible }), systemClock);
}

function writeIfPossible(line: string): void {
  try {
    writeSync(STANDARD_ERROR, line);
  } catch {
    // Nobody is left to be told.
  }
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, cause } = pino.stdSerializers.err(error) as {
    readonly type: string;
    readonly message: string;
    readonly stack: string;
    readonly cause?: unknown;
  };
  const code = 'code' in error ? error.code : undefined;
  return { type, code, message: cut(message), stack: cut(stack), ...(cause === undefined ? {} : { cause }) };
}

function cut(text: string): string {
  return text.length > ERROR_LENGTH_MAX ? `${text.slice(0, ERROR_LENGTH_MAX)}…` : text;
}
