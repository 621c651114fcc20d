import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';
import { fuzz } from './fuzz.js';

const SEED = 4;
const DURATION_MS = 12_000;

let cluster: ProcessCluster;

beforeAll(async () => {
  cluster = await ProcessCluster.make();
  const client = await cluster.startThree();
  await client.createTenant({ tenantId: 't' });
});
afterAll(async () => {
  await cluster.remove();
  await killAll();
});

it('a coordinator that is fuzzed answers everything, breaks at nothing and tells nothing of itself', async () => {
  const { url, process } = cluster.coordinator('c1');
  const { requests, findings } = await fuzz(url, SEED, DURATION_MS);
  expect(findings).toEqual([]);
  expect(requests).toBeGreaterThan(200);
  expect(process.stderr()).not.toMatch(/failed unexpectedly|unexpected fault/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
