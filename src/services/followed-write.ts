import type { EncodedRecord, WriteResult } from '../ports/replica-stream.js';

/**
 * How a record is sent to one replica, where others get it, too: a replica that refuses its dot for lying too far ahead gets
 * it once more when another one has it, since the write then follows what is there already.
 * @param replicas how many replicas are sent to
 */
export function followedWrite(
  replicas: number,
  record: EncodedRecord,
  write: (nodeId: string, record: EncodedRecord) => Promise<WriteResult>,
): (nodeId: string) => Promise<WriteResult> {
  const { promise: somebodyHasIt, resolve } = withResolver();
  let unanswered = replicas;
  return async (nodeId) => {
    const result = await write(nodeId, record);
    if ('clock' in result) resolve(true);
    if (--unanswered === 0) resolve(false);
    if (result.kind !== 'refused' || result.reason !== 'future_dot' || !(await somebodyHasIt)) return result;
    return write(nodeId, { ...record, followsUs: record.clock[0]?.timestamp ?? 0 });
  };
}

function withResolver(): { readonly promise: Promise<boolean>; readonly resolve: (value: boolean) => void } {
  let resolve: (value: boolean) => void = () => {};
  const promise = new Promise<boolean>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
