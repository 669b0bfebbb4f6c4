// HTTP calls to a runtime's admin and ingress ports, and what the drivers share.
import http from "node:http";

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** One call; the answer is parsed where it is JSON. A refusal is an answer too: some calls are meant to fail. */
export async function call(method, url, body, headers = {}) {
  const raw = body instanceof Uint8Array;
  const answer = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": raw ? "application/octet-stream" : "application/json" }), ...headers },
    body: body === undefined || raw ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await answer.text();
  console.log(method, decodeURI(url), answer.status, text.slice(0, 120));
  try { return JSON.parse(text); } catch { return text; }
}

/** Rows of a statement, from the runtime itself. */
export async function query(admin, sql) {
  return (await call("POST", admin + "/query", { query: sql }, { accept: "application/json" })).rows;
}

/** Runs `task(0..count)`, at most `width` at a time. */
export async function times(count, width, task) {
  let next = 0;
  const worker = async () => { while (next < count) await task(next++); };
  await Promise.all(Array.from({ length: width }, worker));
}

/** A cheap POST over kept connections, for bulk: resolves to the status. */
export function poster(base, connections) {
  const { hostname, port } = new URL(base);
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const post = (path, body, headers = {}) => new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const length = Buffer.byteLength(text);
    const request = http.request(
      { hostname, port, path, method: "POST", agent, headers: { "content-type": "application/json", "content-length": length, ...headers } },
      (answer) => { answer.resume(); answer.on("end", () => resolve(answer.statusCode)); });
    request.on("error", reject);
    request.end(text);
  });
  return { post, close: () => agent.destroy() };
}
