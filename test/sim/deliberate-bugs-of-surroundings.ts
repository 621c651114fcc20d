import type { DeliberateBug } from './deliberate-bugs.js';

/** What goes wrong without each rule for clocks, data folders and a store that answers late. */
export const BUGS_OF_SURROUNDINGS: readonly DeliberateBug[] = [
  {
    name: 'the same dot given twice',
    seedsMax: 20,
    file: 'src/domain/hybrid-clock.ts',
    edits: [
      ['Math.max(Math.floor(nowUs), this.#near.last + 1, toldUs + 1)', 'Math.max(Math.floor(nowUs), toldUs + 1)'],
    ],
  },
  {
    name: 'a write-back that follows nothing',
    faults: 'host_clock_hours,clock_hours,all_clocks_hours,partition,node_crash,slow_node',
    seedsMax: 50,
    file: 'src/services/read-round.ts',
    edits: [['followsUs: timestamp', 'followsUs: 0']],
  },
  {
    name: 'a node whose bound does not follow what it holds',
    faults: 'all_clocks_hours',
    seedsMax: 100,
    file: 'src/domain/hybrid-clock.ts',
    edits: [
      [', greatestTimestampUs + FOLLOWED_DOT_MAX_MS * 1000)', ', 0 * greatestTimestampUs * FOLLOWED_DOT_MAX_MS)'],
    ],
  },
  {
    name: 'no clock guard',
    faults: 'clock_jump,coordinator_crash',
    seedsMax: 50,
    file: 'src/services/clock-guard.ts',
    edits: [
      ['if (Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS) return undefined;', 'if (Math.abs(skewMs) >= 0) return undefined;'],
    ],
  },
  {
    name: 'a step of the clock that is noticed a heartbeat later',
    faults: 'clock_jump',
    seedsMax: 200,
    file: 'src/services/clock-guard.ts',
    edits: [
      [
        'return this.#last.skewMs + (wallMs - this.#last.wallMs) - (monotonicMs - this.#last.monotonicMs);',
        'return this.#last.skewMs + 0 * (wallMs - monotonicMs);',
      ],
    ],
  },
  {
    name: 'a take-over that drops the row of a write that was sent',
    faults: 'message_loss,store_lossy,coordinator_crash_sending,coordinator_pause',
    seedsMax: 400,
    file: 'src/services/keyed-writes.ts',
    edits: [['const nothingSent = first && !mayBeSent;', 'const nothingSent = !first || !mayBeSent;']],
  },
  {
    name: 'a corrupt record told as absent',
    faults: 'flipped_byte,partition,node_pause',
    seedsMax: 300,
    file: 'src/storage-node/record-store.ts',
    edits: [["? { kind: 'corrupt', ...stored }", "? { kind: 'absent' }"]],
  },
  {
    name: 'an emptied folder that votes',
    faults: 'emptied_folder,message_loss,slow_node',
    seedsMax: 200,
    file: 'src/adapters/replica/stream-link.ts',
    edits: [['if (step.storeId !== this.#node.storeId)', "if (step.storeId === '')"]],
  },
  {
    name: 'record counts that a restart forgets',
    faults: 'node_crash,node_power_loss',
    seedsMax: 20,
    file: 'src/storage-node/record-store.ts',
    edits: [['this.#counts = new Map(meta.counts);', 'this.#counts = new Map();']],
  },
];
