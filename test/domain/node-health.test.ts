import { expect, it } from 'vitest';
import { LatencyWindow } from '../../src/domain/latency-window.js';
import { healthOf } from '../../src/domain/node-health.js';

it.each([
  [undefined, 'down'],
  [0, 'up'],
  [2499, 'up'],
  [2500, 'suspect'],
  [4999, 'suspect'],
  [5000, 'down'],
])('takes a node that was silent for %s ms for %s', (silentMs, health) => expect(healthOf(silentMs)).toBe(health));

it('learns from answers that nobody waited for any longer, but never that the node is faster for it', () => {
  const latency = new LatencyWindow(20);
  for (let i = 0; i < 128; i++) latency.add(30);
  for (let i = 0; i < 32; i++) latency.addTimeout(5);
  expect(latency.p95Ms).toBe(30);
  for (let i = 0; i < 16; i++) latency.addTimeout(2000);
  expect(latency.p95Ms).toBe(2000);
});

it('follows the first answers at once', () => {
  const latency = new LatencyWindow(20);
  latency.add(1);
  expect(latency.p95Ms).toBe(1);
});

it('estimates the 95th percentile of recent answers only, and the given value before there are any', () => {
  const latency = new LatencyWindow(20);
  expect(latency.p95Ms).toBe(20);
  for (let i = 0; i < 128; i++) latency.add(1000);
  for (let i = 0; i < 128; i++) latency.add(i % 100 < 90 ? 1 : 50);
  expect(latency.p95Ms).toBe(50);
  for (let i = 0; i < 128; i++) latency.add(2);
  expect(latency.p95Ms).toBe(2);
});
