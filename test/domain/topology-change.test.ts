import { describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import { completedAtOnce } from '../../src/domain/migration.js';
import type { StorageNode } from '../../src/domain/topology.js';
import {
  decideAddNode,
  decideCreateTenant,
  decideRemoveNode,
  type LockedTopology,
  REMOVAL_REMEMBERED_SECONDS,
} from '../../src/domain/topology-change.js';

const NOW = 1_800_000_000;
const node = (nodeId: string, more: Partial<StorageNode> = {}): StorageNode => ({
  nodeId,
  host: 'h',
  port: 7000 + nodeId.charCodeAt(0),
  virtualNodes: 150,
  zone: '',
  status: 'active',
  storeId: `store-${nodeId}`,
  ...more,
});
const locked = (more: Partial<LockedTopology> = {}): LockedTopology => ({
  epoch: 5,
  nowSeconds: NOW,
  nodes: [],
  tenantCount: 0,
  replicationFactorMax: 0,
  nextTenantNumber: 9,
  tenant: undefined,
  addition: undefined,
  removal: undefined,
  ...more,
});
const withTenants = { tenantCount: 2, replicationFactorMax: 3 };
const finished = (type: 'node_addition' | 'node_deletion', at: number) =>
  completedAtOnce({ migrationId: 'earlier', type, nodeId: 'a', tenantId: '' }, at);
const failure = (work: () => unknown): QuorateError => {
  try {
    work();
  } catch (error) {
    return error as QuorateError;
  }
  return expect.fail('it was allowed');
};

describe('CreateTenant', () => {
  const abc = ['a', 'b', 'c'].map((id) => node(id));

  it('takes the next number and the time of the store', () => {
    const { answer, change } = decideCreateTenant(locked({ nodes: abc }), 't', 3);
    expect(answer).toEqual({ tenantId: 't', number: 9, replicationFactor: 3, createdAt: NOW, updatedAt: NOW });
    expect(change).toEqual({ kind: 'create_tenant', tenant: answer });
  });

  it('is refused for a tenant that exists, before anything else', () => {
    const tenant = { tenantId: 't', number: 1, replicationFactor: 1, createdAt: 1, updatedAt: 1 };
    expect(failure(() => decideCreateTenant(locked({ tenant }), 't', 99)).kind).toBe('tenant_exists');
  });

  it.each([-1, 0, 11, 1.5])('is refused at replication factor %d', (replicationFactor) => {
    const error = failure(() => decideCreateTenant(locked({ nodes: abc }), 't', replicationFactor));
    expect(error).toMatchObject({ kind: 'invalid_replication_factor', metadata: { field: 'replication_factor' } });
  });

  it('is refused where fewer nodes are active, and says what to do', () => {
    const nodes = [...abc.slice(0, 2), node('c', { status: 'inactive' })];
    const error = failure(() => decideCreateTenant(locked({ nodes }), 't', 3));
    expect(error.kind).toBe('invalid_replication_factor');
    expect(error.message).toContain('there are 2: add nodes with AddStorageNode first');
  });
});

describe('AddStorageNode', () => {
  const { status: _, ...candidate } = node('a');

  it('makes a node active at once, with a finished migration, while no tenant exists', () => {
    const { answer, change } = decideAddNode(locked(), candidate, 'm');
    expect(answer).toEqual({ kind: 'added', migrationId: 'm' });
    expect(change).toMatchObject({
      kind: 'add_node',
      node: { nodeId: 'a', status: 'active' },
      migration: { migrationId: 'm', type: 'node_addition', status: 'completed', startedAt: NOW },
    });
  });

  it('is refused once tenants exist, and says that moving data is not there yet', () => {
    const error = failure(() => decideAddNode(locked(withTenants), candidate, 'm'));
    expect(error.kind).toBe('node_in_use');
    expect(error.message).toContain('not there yet');
  });

  it('is success for a member with the same parameters, with the migration of then', () => {
    const state = locked({ ...withTenants, nodes: [node('a')], addition: finished('node_addition', 1) });
    expect(decideAddNode(state, candidate, 'm')).toEqual({ answer: { kind: 'present', migrationId: 'earlier' } });
  });

  it('moves the address of a member whose data folder is the same, also while tenants exist', () => {
    const state = locked({ ...withTenants, nodes: [node('a')] });
    const { change } = decideAddNode(state, { ...candidate, host: 'other', port: 1 }, 'm');
    expect(change).toEqual({ kind: 'move_node', nodeId: 'a', host: 'other', port: 1 });
  });

  it.each([
    ['another data folder', { storeId: 'other' }],
    ['other virtual nodes', { virtualNodes: 10 }],
    ['another zone', { zone: 'z' }],
  ])('is refused for a member with %s', (_what, more) => {
    const error = failure(() => decideAddNode(locked({ nodes: [node('a')] }), { ...candidate, ...more }, 'm'));
    expect(error.kind).toBe('node_in_use');
  });

  it.each([
    ['address', { host: 'h', port: node('b').port }],
    ['data folder', { storeId: 'store-b' }],
  ])("is refused with another node's %s", (_what, more) => {
    const error = failure(() => decideAddNode(locked({ nodes: [node('b')] }), { ...candidate, ...more }, 'm'));
    expect(error).toMatchObject({ kind: 'node_in_use', message: expect.stringContaining('"b"') });
  });
});

describe('RemoveStorageNode', () => {
  const nodes = ['a', 'b', 'c'].map((id) => node(id));

  it('removes a node at once while no tenant exists', () => {
    const { answer, change } = decideRemoveNode(locked({ nodes }), 'a', 'm');
    expect(answer).toEqual({ kind: 'removed', migrationId: 'm' });
    expect(change).toMatchObject({ kind: 'remove_node', nodeId: 'a', migration: { type: 'node_deletion' } });
  });

  it("is refused where fewer nodes would be left than some tenant's replication factor, and with tenants at all", () => {
    const tooFew = failure(() => decideRemoveNode(locked({ nodes, ...withTenants }), 'a', 'm'));
    expect(tooFew).toMatchObject({ kind: 'node_in_use', message: expect.stringContaining('would leave 2') });
    const enough = locked({ nodes: [...nodes, node('d')], ...withTenants });
    const moving = failure(() => decideRemoveNode(enough, 'a', 'm'));
    expect(moving).toMatchObject({ kind: 'node_in_use', message: expect.stringContaining('not there yet') });
  });

  it('is success for a node removed within 24 h, and later unknown', () => {
    const recently = finished('node_deletion', NOW - REMOVAL_REMEMBERED_SECONDS + 1);
    expect(decideRemoveNode(locked({ removal: recently }), 'a', 'm')).toEqual({
      answer: { kind: 'absent', migrationId: 'earlier' },
    });
    const longAgo = finished('node_deletion', NOW - REMOVAL_REMEMBERED_SECONDS);
    expect(failure(() => decideRemoveNode(locked({ removal: longAgo }), 'a', 'm')).kind).toBe('unknown_node');
    expect(failure(() => decideRemoveNode(locked(), 'a', 'm')).kind).toBe('unknown_node');
  });
});
