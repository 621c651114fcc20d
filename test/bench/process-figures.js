// What processes took of the machine, from /proc: Linux only.
import { existsSync, readFileSync } from 'node:fs';

const TICKS_PER_S = 100;
const KIB = 1024;

export const hasProc = existsSync('/proc/self/stat');

/** Seconds of CPU so far, of all of them and their children together. */
export function cpuSeconds(pids) {
  const family = pids.flatMap((pid) => [pid, ...childrenOf(pid)]);
  return family.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  }, 0);
}

function childrenOf(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** MiB of resident memory. */
export function residentMib(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / KIB;
}
