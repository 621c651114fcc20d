/**
 * Calls every node at once and resolves with the first verdict; later results are still shown to `onResult`, whose
 * verdicts then count no more. Calls never reject, and each ends by its own deadline, so a verdict must come with the
 * last result at the latest.
 */
export function fanOut<Result, Verdict>(
  nodeIds: readonly string[],
  call: (nodeId: string) => Promise<Result>,
  onResult: (nodeId: string, result: Result) => Verdict | undefined,
): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    for (const nodeId of nodeIds) {
      call(nodeId).then((result) => {
        const verdict = onResult(nodeId, result);
        if (verdict !== undefined) resolve(verdict);
      }, reject);
    }
  });
}
