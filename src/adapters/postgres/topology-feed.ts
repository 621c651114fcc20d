import type { TopologyFeed } from '../../ports/topology-store.js';
import { type DatabaseSettings, openClient } from './database.js';
import { TOPOLOGY_CHANNEL } from './topology-store.js';

/** Hints by LISTEN, on a connection of its own. What is sent while it reconnects is lost, so each connect is a hint. */
export function listenFeed(settings: DatabaseSettings): TopologyFeed {
  return {
    async subscribe(onHint, signal) {
      const client = openClient(settings);
      signal.addEventListener('abort', () => void client.end({ timeout: 1 }), { once: true });
      await client.listen(TOPOLOGY_CHANNEL, onHint, onHint);
    },
  };
}

/** For servers without LISTEN: the poll alone must do. */
export const silentFeed: TopologyFeed = { subscribe: async () => {} };
