// node load.mjs ADMIN INGRESS INVOCATIONS OBJECTS KEYS: bulk; INVOCATIONS completed and retained ones and OBJECTS * KEYS rows of state.
import { poster, query, sleep, times } from "./client.mjs";

const [admin, ingress] = process.argv.slice(2, 4);
const [invocations, objects, keys] = process.argv.slice(4).map(Number);
// More than this and a runtime of version 1.6 piles up running invocations instead of completing them.
const WIDTH = 64;

const { post, close } = poster(ingress, WIDTH);
await times(invocations, WIDTH, (i) =>
  post(`/Load/${i % 4 ? "noop" : "step"}/send`, i, i % 5 === 0 ? { "idempotency-key": `load-${i}` } : {}));
await times(objects, 8, (i) => post(`/LoadObj/obj-${i}/bulk`, { n: keys, size: 64 }));
close();
// `send` returns before the invocation has run.
const unfinished = "select count(*) as n from sys_invocation_status where target_service_name = 'Load' and status <> 'completed'";
while ((await query(admin, unfinished))[0].n > 0) await sleep(500);
