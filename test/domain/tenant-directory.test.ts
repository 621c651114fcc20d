import { expect, it, vi } from 'vitest';
import { TenantDirectory } from '../../src/domain/tenant-directory.js';
import type { Tenant } from '../../src/domain/topology.js';

const tenant = (number: number, replicationFactor = 3): Tenant => ({
  tenantId: `t${number}`,
  number,
  replicationFactor,
  createdAt: 1,
  updatedAt: 1,
});
const many = (count: number) => Array.from({ length: count }, (_, i) => tenant(i));

it('leaves each directory as it was when tenants are added, and has all of them in the last', () => {
  const directories = [TenantDirectory.of(many(10))];
  for (let i = 10; i < 1000; i++) directories.push((directories.at(-1) ?? TenantDirectory.of([])).with([tenant(i)]));
  for (const [i, directory] of directories.entries()) {
    expect(directory.size).toBe(10 + i);
    expect(directory.get(`t${9 + i}`)).toEqual(tenant(9 + i));
    expect(directory.get(`t${10 + i}`)).toBeUndefined();
  }
  const last = [...(directories.at(-1)?.values() ?? [])].sort((a, b) => a.number - b.number);
  expect(last).toEqual(many(1000));
});

it('has a tenant that is added again once, as it was added last', () => {
  const directory = TenantDirectory.of(many(3)).with([tenant(1, 5)]);
  expect(directory.size).toBe(3);
  expect(directory.get('t1')).toEqual(tenant(1, 5));
  expect([...directory.values()].filter(({ number }) => number === 1)).toEqual([tenant(1, 5)]);
});

it('copies a few hundred entries for each new tenant, however many there are', () => {
  let directory = TenantDirectory.of(many(10_000));
  const copied = vi.spyOn(Map.prototype, 'set');
  for (let i = 10_000; i < 11_000; i++) directory = directory.with([tenant(i)]);
  const perTenant = copied.mock.calls.length / 1000;
  copied.mockRestore();
  expect(directory.size).toBe(11_000);
  expect(perTenant).toBeGreaterThan(50);
  expect(perTenant).toBeLessThan(300);
});
