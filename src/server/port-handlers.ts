import { type RequestHandler, type RequestHandlerParts, requestHandler } from './request-handler.js';
import { type StreamHandler, streamHandler } from './stream-handler.js';

/** What serves the requests of a port. */
export interface PortHandlers {
  /** HTTP/1.1 */
  readonly request: RequestHandler;
  /** HTTP/2 */
  readonly stream: StreamHandler;
}

export function portHandlers(parts: RequestHandlerParts): PortHandlers {
  const request = requestHandler(parts);
  return { request, stream: streamHandler(parts, request) };
}
