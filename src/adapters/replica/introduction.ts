import { create } from '@bufbuild/protobuf';
import { QuorateError } from '../../domain/errors.js';
import { type Answer, BatchSchema, ExchangeRequestSchema } from '../../gen/storage/v1/storage_pb.js';
import type { IntroducedNode, ReplicaIntroduction } from '../../ports/replica-introduction.js';
import type { NodeAddress } from '../../ports/replica-transport.js';
import { topologyMessage } from '../../wire/topology-message.js';
import { CoordinatorHandshake } from './coordinator-handshake.js';
import type { StreamParts } from './stream-link.js';

/** Below a request's usual 5 s. The node flushes three times, and disks stall for seconds. */
const INTRODUCTION_TIMEOUT_MS = 4500;

/** Meets a node on a stream of its own, which ends with the introduction. */
export class Introduction implements ReplicaIntroduction {
  readonly #parts: Omit<StreamParts, 'log' | 'onEpoch'>;

  constructor(parts: Omit<StreamParts, 'log' | 'onEpoch'>) {
    this.#parts = parts;
  }

  introduce(nodeId: string, address: NodeAddress, isMember: boolean): Promise<IntroducedNode> {
    const { transport, clock, random, greeting, topology } = this.#parts;
    const handshake = new CoordinatorHandshake(greeting, nodeId, random);
    const snapshot = topology();
    let storeId = '';
    return new Promise((resolve, reject) => {
      const finish = (failure: string | undefined) => {
        timer.cancel();
        connection.close();
        if (failure === undefined) resolve({ storeId });
        else reject(foreign(nodeId, address, failure));
      };
      const connection = transport.open(address, {
        frame: (frame) => {
          if (frame.frame.case === 'answers') return finish(joinFailure(frame.frame.value.answers[0]));
          const step = handshake.receive(frame);
          if (step.kind === 'refused') return finish(step.reason);
          if (step.kind === 'met') {
            storeId = step.storeId;
            connection.send(step.proof(topologyMessage(snapshot)));
          } else if (isMember) finish(undefined);
          else connection.send(joinRequest(snapshot.epoch));
        },
        end: finish,
      });
      const timer = clock.after(INTRODUCTION_TIMEOUT_MS, () => finish('it did not answer in time'));
      connection.send(handshake.hello());
    });
  }
}

function joinRequest(epoch: number) {
  const operations = [{ id: 1, kind: { case: 'join', value: {} } } as const];
  return create(ExchangeRequestSchema, { frame: { case: 'batch', value: create(BatchSchema, { epoch, operations }) } });
}

function joinFailure(answer: Answer | undefined): string | undefined {
  switch (answer?.kind.case) {
    case 'join':
      return undefined;
    case 'fenced':
      return `it has seen epoch ${answer.kind.value.epoch} of the topology, newer than this coordinator's: try again`;
    case 'failure':
      return answer.kind.value.message;
    default:
      return 'its answer makes no sense';
  }
}

function foreign(nodeId: string, { host, port }: NodeAddress, reason: string): QuorateError {
  const message = `host and port must be storage node "${nodeId}" of this cluster: at ${host}:${port}, ${reason}`;
  return new QuorateError('foreign_node', message, { metadata: { field: 'host' } });
}
