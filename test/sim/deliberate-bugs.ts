import type { Mutation } from './bundle.js';

export interface DeliberateBug extends Mutation {
  readonly name: string;
  /** The simulation finds it within so many seeds, from 1 on. */
  readonly seedsMax: number;
  /** Only faults of these kinds, where the bug needs a rare meeting of a few; else of all kinds. */
  readonly faults?: string;
}

/** What goes wrong without each clause of the protocol; every one is found, or the simulation is blind to that clause. */
export const DELIBERATE_BUGS: readonly DeliberateBug[] = [
  {
    name: 'no asking',
    seedsMax: 100,
    file: 'src/services/next-dot.ts',
    edits: [
      ['const dot = this.#hybridClock.next(nowUs, toldUs);', 'const dot = this.#hybridClock.next(nowUs, 0 * toldUs);'],
    ],
  },
  {
    name: 'asking one replica only',
    faults: 'clocks_behind,clock_jump,slow_node,message_loss,coordinator_crash_sending',
    seedsMax: 300,
    file: 'src/domain/level.ts',
    edits: [
      [
        "return level === 'one' ? Math.min(1, size) : majority(size);",
        'return level.length > 0 ? Math.min(1, size) : 0;',
      ],
    ],
  },
  {
    name: 're-sending with a new dot when passed',
    seedsMax: 300,
    file: 'src/services/replicated-write.ts',
    edits: [
      [
        "if (tally.outcome === 'reached') return { clock: tally.clock, replicaCount: tally.replicaCount };",
        `if (tally.outcome === 'reached' && [...tally.answers.values()].includes('has a newer version')) {
        return this.send(target, await this.takeDot(target, level, context), value, level, context);
      }
      if (tally.outcome === 'reached') return { clock: tally.clock, replicaCount: tally.replicaCount };`,
      ],
    ],
  },
  {
    name: 'no write-back',
    seedsMax: 50,
    file: 'src/domain/read-tally.ts',
    edits: [
      ["if (held.outcome === 'reached') return { kind: 'found', record };", "return { kind: 'found', record };"],
      ['    if (winner === undefined) return [];', '    if (winner !== null) return [];'],
    ],
  },
  {
    name: 'a write-back that ignores a newer version',
    seedsMax: 50,
    file: 'src/storage-node/record-store.ts',
    edits: [
      [
        'stored === undefined ? incoming.record : mergeRecords(stored.record, incoming.record);',
        'stored === undefined || stored ? incoming.record : mergeRecords(stored, incoming.record);',
      ],
    ],
  },
  {
    name: 'reads of unflushed data',
    faults: 'node_power_loss,slow_disk,coordinator_crash_sending',
    seedsMax: 400,
    file: 'src/storage-node/record-store.ts',
    edits: [
      [
        "return commit.flushed.then(() => ({ kind: 'record', record, bytes }));",
        "return { kind: 'record', record, bytes };",
      ],
    ],
  },
  {
    name: 'acknowledging before the flush',
    seedsMax: 150,
    file: 'src/storage-node/record-store.ts',
    edits: [['    return commit.flushed.then(() => result);\n  }', '    return result;\n  }']],
  },
  {
    name: 'a greatest timestamp that a restart forgets',
    seedsMax: 20,
    file: 'src/storage-node/node-meta.ts',
    edits: [["greatestTimestampUs: readNumber(engine, 'greatest'),", 'greatestTimestampUs: 0,']],
  },
  {
    name: 'an ignored incarnation',
    faults: 'coordinator_crash_sending,clocks_behind,message_loss,slow_node',
    seedsMax: 600,
    file: 'src/compose/assemble-coordinator.ts',
    edits: [
      [
        'const incarnation = await stores.coordinators.raiseIncarnation(coordinatorId, parts.advertisedAddress);',
        'const incarnation = 1;',
      ],
    ],
  },
  {
    name: 'absent counted as failure',
    seedsMax: 5,
    file: 'src/services/read-round.ts',
    edits: [
      [
        "      if (result.kind === 'read') {\n        this.#tally.answer(nodeId, result.reading);",
        "      if (result.kind === 'read' && result.reading.kind !== 'absent') {\n        this.#tally.answer(nodeId, result.reading);",
      ],
      [
        '        this.#parts.shortfall.add(nodeId, result);\n        this.#askAnother();',
        '        this.#askAnother();',
      ],
    ],
  },
  {
    name: 'a take-over with a new dot',
    seedsMax: 300,
    file: 'src/services/keyed-claim.ts',
    edits: [
      ['await this.#takeOver(known.dot)', 'await this.#takeOver(dot)'],
      ['const { dot, maybeAnswered } = taken;', 'const { maybeAnswered } = taken;\n      const dot = known;'],
    ],
  },
  {
    name: 'a reservation that is not waited for',
    seedsMax: 20,
    file: 'src/services/keyed-claim.ts',
    edits: [
      [
        '    return this.#claim(dot);',
        `    this.#claim(dot).catch(() => {});
    const { scope, fingerprint, owner } = this.#attempt;
    const row = { scope, fingerprint, dot, owner };
    return { kind: 'lease', lease: { row, first: true, maybeAnswered: false, term: this.#term() } };`,
      ],
    ],
  },
  {
    name: 'a failed attempt that drops its row',
    seedsMax: 100,
    file: 'src/services/keyed-writes.ts',
    edits: [['const nothingSent = first && !mayBeSent;', 'const nothingSent = first || !mayBeSent || mayBeSent;']],
  },
  {
    name: 'an epoch that only the metadata store tells',
    seedsMax: 5,
    file: 'src/services/newer-epochs.ts',
    edits: [['recalls < RECALLS_MAX;', 'recalls < 0 * RECALLS_MAX;']],
  },
  {
    name: 'a topology that a restart forgets',
    seedsMax: 10,
    file: 'src/storage-node/storage-node.ts',
    edits: [['topology: readTopology(engine)', 'topology: [readTopology(engine)][1]']],
  },
  {
    name: 'a keyed write that asks one replica',
    faults: 'clocks_behind,message_loss,node_crash,coordinator_crash_sending,slow_node',
    seedsMax: 400,
    file: 'src/services/keyed-claim.ts',
    edits: [["writes.takeDot(target, 'quorum', context)", "writes.takeDot(target, 'one', context)"]],
  },
  {
    name: 'an ask that joins one already sent',
    faults: 'slow_coordinator,clocks_behind',
    seedsMax: 100,
    file: 'src/adapters/replica/shared-asks.ts',
    edits: [['this.#queue.waits(last)', 'this.#asks.has(last)']],
  },
  {
    name: 'a read that repairs before it ends, again and again in one turn',
    faults: 'clocks_behind,slow_network',
    seedsMax: 400,
    file: 'src/services/read-round.ts',
    edits: [
      [
        'this.#finish(step);\n        this.#writeBack(step.record, this.#tally.behind);',
        'this.#writeBack(step.record, this.#tally.behind);\n        this.#finish(step);',
      ],
      [
        'const result = await this.#write(nodeId, record);',
        `const { clock, context } = this.#parts;
    const result = isOver(clock, context) ? TOO_LATE : await this.#write(nodeId, record);`,
      ],
    ],
  },
];
