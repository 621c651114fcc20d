import { describe, expect, it } from 'vitest';
import type { FailureKind } from '../../src/domain/errors.js';
import { ERROR_TABLE } from '../../src/rpc/error-table.js';
import { sourceFiles } from '../support/source-files.js';
import { FAILURE_KINDS } from './failure-kinds.js';

/** The words by which clients tell codes apart that look at the message alone, and the codes that they belong to. */
const WORDS: readonly (readonly [word: RegExp, codes: RegExp])[] = [
  [/\btenants?\b/i, /^TENANT_/],
  [/\bkeys?\b/i, /^KEY_/],
  [/\bmigrations?\b/i, /^MIGRATION_/],
  [/\bquorum\b|\bconsistency\b/i, /^QUORUM_/],
  [/\bidempotency/i, /^IDEMPOTENCY_/],
  [/\breplication.factor\b/i, /^INVALID_REPLICATION_FACTOR$/],
  [/\bin use\b/i, /^NODE_IN_USE$/],
];

/** Calls that make failures, and the kind of those that don't name it first. */
const MAKERS: Readonly<Record<string, FailureKind | 'named'>> = {
  'new QuorateError': 'named',
  'new MetadataUnavailableError': 'metadata_unavailable',
  invalidField: 'invalid_field',
  nodeInUse: 'node_in_use',
  replicationFactorFailure: 'invalid_replication_factor',
};

interface Message {
  readonly kind: string;
  readonly words: string;
  readonly path: string;
}

/** The messages of all failures that the sources make, without what they quote and fill in. */
function messages(): Message[] {
  const found: Message[] = [];
  for (const { path, text } of sourceFiles('src')) {
    for (const [maker, kind] of Object.entries(MAKERS)) {
      for (let at = text.indexOf(`${maker}(`); at >= 0; at = text.indexOf(`${maker}(`, at + 1)) {
        if (text.slice(0, at).endsWith('function ')) continue;
        const [first = '', ...others] = literals(argumentsAt(text, at + maker.length));
        if (kind === 'named') found.push({ kind: first, words: others.join(' '), path });
        // A field's name comes first, and is the client's own.
        else if (kind === 'invalid_field') found.push({ kind, words: others.join(' '), path });
        else found.push({ kind, words: [first, ...others].join(' '), path });
      }
    }
  }
  return found;
}

function argumentsAt(text: string, open: number): string {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return text.slice(open, at).replace(/, \{[\s\S]*$/, '');
  }
  return '';
}

function literals(source: string): string[] {
  const bare = source.replaceAll(/\$\{[^}]*\}/g, '…');
  return [...bare.matchAll(/'((?:[^'\\\n]|\\.)*)'|`([^`]*)`/g)].map(([, single, template]) => single ?? template ?? '');
}

function foreignWords(code: string, words: string): string[] {
  const unquoted = words.replaceAll(/"[^"]*"/g, '');
  return WORDS.flatMap(([word, codes]) => (codes.test(code) ? [] : (word.exec(unquoted)?.[0] ?? [])));
}

describe('the words of a failure', () => {
  const known = messages().filter(({ kind }) => kind in ERROR_TABLE);

  it.each(known.map((message) => [message.kind, message.words, message.path] as const))(
    'of kind %s, "%s", belong to its code alone',
    (kind, words) => {
      expect(foreignWords(ERROR_TABLE[kind as FailureKind].code, words)).toEqual([]);
    },
  );

  it('are looked at for nearly every kind', () => {
    const seen = new Set(known.map(({ kind }) => kind));
    // Made from what replicas told, and by a table.
    const elsewhere = ['quorum_not_reached', 'deadline_exceeded'];
    expect(FAILURE_KINDS.filter((kind) => !seen.has(kind) && !elsewhere.includes(kind))).toEqual([]);
  });

  it.each([
    ['KEY_NOT_FOUND', 'tenant "…" has no such key', ['tenant']],
    ['NODE_IN_USE', "it can't leave while tenants exist", ['tenants']],
    ['KEY_NOT_FOUND', 'key "tenant" does not exist', []],
  ])('of %s, "%s", would be found to hold %j', (code, words, expected) => {
    expect(foreignWords(code, words)).toEqual(expected);
  });
});
