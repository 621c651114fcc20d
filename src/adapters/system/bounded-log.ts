import type { Clock } from '../../ports/clock.js';
import type { Log, LogFields } from '../../ports/log.js';

/** Lines of one kind that are written within one minute; what goes beyond is counted, and summed in one line at its end. */
const LINES_PER_MINUTE = 10;
const MINUTE_MS = 60_000;
/** Kinds are the messages of this program, so there are few; more than these share one count. */
const KINDS_MAX = 200;
const TEXT_LENGTH_MAX = 300;

type Level = keyof Log;

interface Kind {
  lines: number;
  held: number;
  last: LogFields;
}

/**
 * Bounds what is logged whatever causes it: so many lines of each message a minute, and texts cut to a length, since strangers
 * choose some of them.
 */
export function boundedLog(log: Log, clock: Clock): Log {
  const kinds = new Map<string, Kind>();
  const write = (level: Level) => (fields: LogFields, message: string) => {
    const name = kinds.has(message) || kinds.size < KINDS_MAX ? message : 'further messages';
    let kind = kinds.get(name);
    if (kind === undefined) {
      const fresh: Kind = { lines: 0, held: 0, last: {} };
      kind = fresh;
      kinds.set(name, fresh);
      clock.after(MINUTE_MS, () => {
        kinds.delete(name);
        if (fresh.held > 0) log[level]({ ...fresh.last, furtherTimes: fresh.held }, name);
      });
    }
    const cut = cutTexts(fields);
    if (kind.lines < LINES_PER_MINUTE) {
      kind.lines++;
      log[level](cut, message);
    } else {
      kind.held++;
      kind.last = cut;
    }
  };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

function cutTexts(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, cutText(value)]));
}

function cutText(value: unknown): unknown {
  return typeof value === 'string' && value.length > TEXT_LENGTH_MAX ? `${value.slice(0, TEXT_LENGTH_MAX)}…` : value;
}
