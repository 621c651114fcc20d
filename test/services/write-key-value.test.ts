import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import { SEALED_KEY_PREFIX } from '../../src/domain/sealed-key.js';
import { ClockGuard } from '../../src/services/clock-guard.js';
import { SealedWrites } from '../../src/services/sealed-writes.js';
import { SealingSecrets } from '../../src/services/sealing-secrets.js';
import { WriteKeyValue } from '../../src/services/write-key-value.js';
import { KeyedCluster } from '../support/keyed-coordinators.js';
import { MemoryMetadata } from '../support/memory-metadata.js';
import { memoryCoordinatorStore } from '../support/memory-stores.js';
import { seededRandom } from '../support/seeded-random.js';

it('a server-issued idempotency key that is too long is refused for its length, before anything is done with it', async () => {
  const keyed = await KeyedCluster.make();
  const { clock, topology } = keyed.cluster;
  const { writes, keyed: keyedWrites } = keyed.coordinator('c@1');
  const metadata = new MemoryMetadata(seededRandom(1), () => clock.wallMs());
  const secrets = new SealingSecrets(memoryCoordinatorStore(metadata), clock, metadata.sealingSecrets);
  const sealed = new SealedWrites(secrets, clock);
  const parts = { topology, guard: new ClockGuard(clock), writes, keyed: keyedWrites, sealed, limits: DEFAULT_LIMITS };
  const refusal = (tenantId: string, idempotencyKey: string) =>
    keyed.failure(
      new WriteKeyValue(parts).write(
        { tenantId, key: 'key', value: Buffer.from('value'), consistency: '', idempotencyKey },
        keyed.within(1000),
      ),
    );
  const long = SEALED_KEY_PREFIX + 'A'.repeat(1_400_000);
  // Of an unknown tenant it is not even looked for.
  for (const tenantId of ['demo', 'unknown']) {
    const failure = await refusal(tenantId, long);
    expect(failure).toMatchObject({ kind: 'invalid_field', metadata: { field: 'idempotency_key' } });
    expect(failure.message).toContain('is longer than the 512 characters');
  }
  expect((await refusal('demo', `${SEALED_KEY_PREFIX}AAAA`)).message).toContain('was not issued for this write');
});
